-- The functions that gateways call. Each call is atomic.
local NAMES = {
  'state', 'spent', 'last', 'writes', 'waits', 'rejected', 'called', 'retried', 'retried_newcomers',
}

local function named(keys)
  for i, name in ipairs(NAMES) do keys[name] = keys[i] end
  return keys
end

-- The arguments of every function, before those of its own.
local COMMON = 6

-- Return the arguments by their names; `names` begin after `skipped` others.
local function arguments(args, names, skipped)
  local named_args = {
    limit = tonumber(args[1]), window = tonumber(args[2]), gateway = args[3],
    incarnation = args[4], total = tonumber(args[5]), deadline = tonumber(args[6]),
  }
  for i, name in ipairs(names) do named_args[name] = args[COMMON + (skipped or 0) + i] end
  return named_args
end

-- End the calls of gateways that never reported them: the API may have counted them.
local function expire_flights(s, now)
  for id in pairs(s.f) do
    local flight = window.flight(s, id)
    if now >= flight.expires then
      s.f[id] = nil
      window.lost(s, 1)
      slow_start.unknown(s, flight.trial)
      if flight.credential then unknown.no_evidence(s, flight.credential) end
    end
  end
end

local function open_budget(keys, a)
  local s, now = load_state(keys.state), server_time()
  if not s.incarnation then learning.create(s, a.limit, a.window, a.gateway, now) end
  now = math.max(now, s.now or now)
  s.now = now
  expire_flights(s, now)
  leases.expire(s, now)
  learning.finish_if_over(s, now)
  window.roll(s, now)
  return s, now
end

local function reply(keys, s, now, ...)
  local shut = slow_start.wait(s, now)
  local answer = { ... }
  local state = {
    encode(now), s.incarnation, encode(s.total), encode(s.limit), encode(s.left),
    encode(window.rest(s, now)), encode(s.window_number), window.probe_wait(s, now),
    encode(window.kept(s, now)), encode(shut), learning.is_learning(s) and '1' or '0',
    learning.memo_of(s),
  }
  save_state(keys, s)
  for i, value in ipairs(answer) do
    state[#state + 1] = type(value) == 'number' and encode(value) or value
  end
  return state
end

local function add_flight(s, a, number, trial, credential, now)
  s.f[a.id] = string.format('%d %d %.17g %s', number, trial, now + tonumber(a.lifetime), credential)
end

local function grant(keys, s, a, now)
  local number, credential = window.reserve(s, a.priority, now), ''
  if a.proven == '1' then
    share.spend(s, keys, a.partition, a.priority == WRITE, now)
  else
    unknown.record_attempt(s, keys, a.credential, now)
    credential = a.credential
  end
  local trial = slow_start.enter(s)
  s.total = s.total + 1
  add_flight(s, a, number, trial, credential, now)
  return reply(keys, s, now, 'granted', number, trial)
end

-- Return the seconds to wait for the API and for the calls left, and those for this caller alone.
local function waits_of(keys, s, a, now)
  local common = math.max(slow_start.wait(s, now), window.wait(s, a.priority, now))
  if a.proven ~= '1' then return common, unknown.wait(s, keys, a.credential, now) end
  if a.priority == WRITE then return common, share.wait_to_write(s, keys, a.partition, now) end
  return common, share.wait(s, keys, a.partition, now)
end

local function refuse(keys, s, a, now, common, own)
  local seconds, whose = math.max(common, own), 'budget'
  local is_unknown, room = false, true
  if a.proven == '1' then
    if own > common then whose = 'share' end
  else
    is_unknown = unknown.is_unknown(s, keys, a.credential, now)
    room = unknown.room(s, keys, a.credential, now)
    if own > 0 or not room then whose = 'unknown' end
  end
  if seconds <= tonumber(a.patience) and not is_unknown then
    if seconds == 0 then seconds = TRIAL_WAIT end
    return reply(keys, s, now, 'wait', seconds, whose)
  end
  if a.proven ~= '1' then unknown.record_rejection(keys, a.credential, now) end
  return reply(keys, s, now, 'refused', seconds, whose)
end

local RESERVE = { 'id', 'priority', 'partition', 'credential', 'proven', 'patience', 'lifetime' }

local LEASED_WAIT = 0.25

local function reserve(raw_keys, args)
  local keys, a = named(raw_keys), arguments(args, RESERVE)
  a.priority = tonumber(a.priority)
  local s, now = open_budget(keys, a)
  if a.deadline > 0 and now > a.deadline then return reply(keys, s, now, 'late', 0, '') end
  if learning.has_missed(s, a.incarnation, a.total) then
    return reply(keys, s, now, 'unheard', 0, '')
  end
  if learning.is_learning(s) then
    return reply(keys, s, now, 'wait', learning.rest(s, now), 'learning')
  end
  local common, own = waits_of(keys, s, a, now)
  local free = a.proven == '1' or unknown.room(s, keys, a.credential, now)
  local barred = a.proven ~= '1' and unknown.is_unknown(s, keys, a.credential, now)
  if common == 0 and own == 0 and free and not barred then
    -- The calls of leases come back by the next beats, as leases become smaller with what is left.
    local leased = leases.total(s)
    if leased > 0 and s.left - leased < 1 then return reply(keys, s, now, 'wait', LEASED_WAIT, 'leased') end
    return grant(keys, s, a, now)
  end
  return refuse(keys, s, a, now, common, own)
end

local function record_verdict(keys, s, a, now)
  local proving = a.proven ~= '1'
  if a.verdict == 'accepted' then
    unknown.succeeded(s, keys, a.credential)
    if proving then share.spend(s, keys, a.partition, a.priority == WRITE, now) end
  elseif proving and a.verdict == 'failed' then
    unknown.failed(s, keys, a.credential, now)
  elseif proving and a.verdict == 'unknown' then
    unknown.no_evidence(s, a.credential)
  end
end

local LEASED = 0

local function record_response(keys, s, a, flight, now)
  local status = {
    limit = tonumber(a.status_limit), remaining = tonumber(a.remaining),
    reset = tonumber(a.reset),
  }
  if a.number == LEASED and status.remaining then window.found(s) end
  window.record_response(s, flight and flight.number or a.number, status, now)
  if a.limited == '1' then
    slow_start.refused(s, now, tonumber(a.delay))
  elseif flight then
    slow_start.record_pass(s, flight.trial)
  end
  if a.priority == WRITE and a.proven == '1' and a.pointless == '1' then
    share.pointless(keys, a.partition)
  end
end

local function record_no_response(keys, s, a, flight)
  if not flight then return end
  if a.kind == 'unsent' then
    s.left = s.left + 1
    if a.proven == '1' then share.refund(keys, a.partition, a.priority == WRITE) end
  else
    window.lost(s, 1)
  end
  slow_start.unknown(s, flight.trial)
end

local REPORT = {
  'report', 'id', 'number', 'kind', 'priority', 'partition', 'credential', 'proven', 'verdict', 'pointless',
  'called', 'status_limit', 'remaining', 'reset', 'limited', 'delay',
}

local function record(keys, s, a, now)
  a.priority, a.number = tonumber(a.priority), tonumber(a.number)
  if leases.is_reported(s, a.gateway, tonumber(a.report)) then return end
  local flight = window.flight(s, a.id)
  s.f[a.id] = nil
  s.total = s.total + 1
  if a.kind == 'response' then
    record_response(keys, s, a, flight, now)
  else
    record_no_response(keys, s, a, flight)
  end
  if flight or a.kind == 'response' then record_verdict(keys, s, a, now) end
  if a.called == '1' then retries.called(keys, now) end
end

-- Record how calls ended: the fields of REPORT for each.
local function report(raw_keys, args)
  local keys = named(raw_keys)
  local s, now = open_budget(keys, arguments(args, {}))
  for skipped = 0, #args - COMMON - 1, #REPORT do
    record(keys, s, arguments(args, REPORT, skipped), now)
  end
  return reply(keys, s, now, 'recorded', 0, '')
end

local function retry(raw_keys, args)
  local keys, a = named(raw_keys), arguments(args, { 'known' })
  local s, now = open_budget(keys, a)
  local allowed = not learning.is_learning(s) and retries.take(s, keys, a.known == '1', now)
  return reply(keys, s, now, allowed and 'granted' or 'refused', 0, '')
end

local BEAT = { 'beat', 'lease', 'amount', 'used', 'lifetime', 'memo' }

-- Renew a lease; learn the gateway's memo and, after the named arguments, its calls in flight.
local function beat(raw_keys, args)
  local keys, a = named(raw_keys), arguments(args, BEAT)
  local s, now = open_budget(keys, a)
  a.beat = tonumber(a.beat)
  if leases.is_late(s, a.gateway, a.beat) then return reply(keys, s, now, 'late', 0, '') end
  learning.learn(s, a.memo, a.gateway, now)
  local number = window.number_of_unknown(s)
  for i = COMMON + #BEAT + 1, #args do
    a.id = args[i]
    if not s.f[a.id] then add_flight(s, a, number, 0, '', now) end
  end
  local id, amount = leases.renew(s, a.gateway, a.beat, a.lease, tonumber(a.amount),
    tonumber(a.used), now, learning.is_learning(s))
  for _, key in ipairs(raw_keys) do redis.call('PEXPIRE', key, KEEP_MILLISECONDS) end
  return reply(keys, s, now, 'lease', amount, id)
end

-- Give a lease back, at the end of a gateway.
local function leave(raw_keys, args)
  local keys, a = named(raw_keys), arguments(args, { 'lease', 'used' })
  local s, now = open_budget(keys, a)
  leases.give_back(s, a.gateway, a.lease, tonumber(a.used))
  return reply(keys, s, now, 'left', 0, '')
end

-- The budget's state is small: it may be written where the server is out of memory.
local function register(name, callback)
  redis.register_function {
    function_name = PREFIX .. name, callback = callback, flags = { 'allow-oom' },
  }
end

register('reserve', reserve)
register('report', report)
register('retry', retry)
register('beat', beat)
register('leave', leave)
