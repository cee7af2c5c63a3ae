-- Creates with an idempotency key: one hash for each, whose content only gateways can decrypt.
-- After a loss of the data no key is accepted before the gateways have sent the records they keep.
local KEPT_SECONDS, LEARNING_SECONDS = 24 * 3600, 1.5

-- Return the id of these data, and the seconds until all gateways have sent their records.
local function creates_epoch(key, gateway, sending, now)
  local words = words_of(redis.call('GET', key))
  local id, learnt = words[1], tonumber(words[2] or '0')
  if not id then id, learnt = encode(now) .. '-' .. gateway, now + LEARNING_SECONDS end
  if sending and now < learnt then learnt = now + LEARNING_SECONDS end
  if not words[1] or sending then redis.call('SET', key, id .. ' ' .. encode(learnt)) end
  return id, math.max(0, learnt - now)
end

local function create_epoch(keys, args)
  local now = server_time()
  local id, rest = creates_epoch(keys[1], args[1], args[2] == '1', now)
  return { id, encode(rest), encode(now) }
end

-- Record a create that is about to be sent, or return the record that there is.
local function create_begin(keys, args)
  local epoch, deadline, attempt, busy, content = unpack(args)
  local now = server_time()
  local id, rest = creates_epoch(keys[1], attempt, false, now)
  if now > tonumber(deadline) then return { 'late' } end
  if id ~= epoch or rest > 0 then return { 'learning' } end
  local found = redis.call('HMGET', keys[2], 'content', 'busy')
  if found[1] then
    return { 'existing', found[1], tonumber(found[2]) > now and '1' or '0' }
  end
  redis.call('HSET', keys[2], 'content', content, 'busy', encode(now + tonumber(busy)),
    'attempt', attempt, 'state', 'sending', 'client', '')
  redis.call('PEXPIRE', keys[2], KEPT_SECONDS * 1000)
  return { 'new' }
end

-- Record that the gateway which sends the create is alive.
local function create_renew(keys, args)
  local attempt, busy = unpack(args)
  local found = redis.call('HMGET', keys[1], 'attempt', 'state')
  if found[1] ~= attempt or found[2] ~= 'sending' then return { 'gone' } end
  redis.call('HSET', keys[1], 'busy', encode(server_time() + tonumber(busy)))
  return { 'renewed' }
end

-- Record the client of a create; return false if it is recorded for another create.
local function claim_client(keys, client, now)
  redis.call('ZREMRANGEBYSCORE', keys[2], '-inf', encode(now - KEPT_SECONDS))
  local is_claimed = redis.call('ZSCORE', keys[2], client)
  if is_claimed and redis.call('HGET', keys[1], 'client') ~= client then return false end
  redis.call('ZADD', keys[2], encode(now), client)
  redis.call('PEXPIRE', keys[2], KEPT_SECONDS * 1000)
  return true
end

-- Record what is known of a create that is sent no more.
local function create_put(keys, args)
  local attempt, state, content, client, kept = unpack(args)
  local now = server_time()
  local was = redis.call('HGET', keys[1], 'state')
  if was == 'done' and state ~= 'done' then return { 'kept' } end
  if state == 'done' and not claim_client(keys, client, now) then return { 'other' } end
  redis.call('HSET', keys[1], 'content', content, 'busy', '0', 'state', state, 'client', client)
  if not was then
    redis.call('HSET', keys[1], 'attempt', attempt)
    redis.call('PEXPIRE', keys[1], math.max(1, math.floor(tonumber(kept) * 1000)))
  end
  return { 'recorded' }
end

-- Delete the record of an attempt that created nothing, unless a client was found for it meanwhile.
local function create_delete(keys, args)
  local found = redis.call('HMGET', keys[1], 'attempt', 'state')
  if found[1] == args[1] and found[2] ~= 'done' then redis.call('DEL', keys[1]) end
  return { 'deleted' }
end

local function create_clients(keys)
  return redis.call('ZRANGEBYSCORE', keys[1], encode(server_time() - KEPT_SECONDS), '+inf')
end

-- These are refused where the server is out of memory: a record that may be evicted is none.
redis.register_function(PREFIX .. 'create_epoch', create_epoch)
redis.register_function(PREFIX .. 'create_begin', create_begin)
redis.register_function(PREFIX .. 'create_renew', create_renew)
redis.register_function(PREFIX .. 'create_put', create_put)
redis.register_function(PREFIX .. 'create_delete', create_delete)
redis.register_function(PREFIX .. 'create_clients', create_clients)
