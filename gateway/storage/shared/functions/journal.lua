-- The journal: what gateways read and wrote, in one order for all. Its content only they can decrypt.
-- A member is a gateway that has applied the journal; nothing counts as known before each member,
-- unless its time is over, has applied it.
local ENTRIES, KEPT_MILLISECONDS, MARK_MILLISECONDS = 1000, 600 * 1000, 120 * 1000

local journal = {}

-- Return the incarnation and the number of its last entry. A new one has no log and no members.
-- Those of an earlier one may trust what they hold for `seconds` more: so long it is not settled.
function journal.open(keys, member, seconds, now)
  local found = redis.call('HMGET', keys[1], 'incarnation', 'number')
  local incarnation, number = found[1], tonumber(found[2] or '0')
  if not incarnation then
    incarnation = encode(now) .. '-' .. member
    redis.call('DEL', keys[2], keys[3])
    redis.call('HSET', keys[1], 'incarnation', incarnation, 'number', '0',
      'settled', encode(now + seconds))
  end
  return incarnation, number
end

function journal.add(keys, entry)
  redis.call('HSET', keys[1], 'number', encode(entry.number))
  redis.call('XADD', keys[2], 'MAXLEN', '~', ENTRIES, '*', 'number', encode(entry.number),
    'incarnation', entry.incarnation, 'time', encode(entry.now), 'member', entry.member,
    'kind', entry.kind, 'content', entry.content or '', 'ended', entry.ended or '')
end

-- Remove the members whose time is over; return the number of the last entry.
function journal.expel(keys, incarnation, number, now)
  local members = redis.call('HGETALL', keys[3])
  for i = 1, #members, 2 do
    if tonumber(words_of(members[i + 1])[1]) <= now then
      redis.call('HDEL', keys[3], members[i])
      number = number + 1
      journal.add(keys, { number = number, incarnation = incarnation, now = now,
        member = members[i], kind = 'lost' })
    end
  end
  return number
end

-- Keep a member alive, if it `follows` the journal. Return the journal's state, and whether it did.
local function journal_beat(keys, args)
  local member, known, applied, seconds, follows, deadline = unpack(args)
  local now = server_time()
  local incarnation, number = journal.open(keys, member, tonumber(seconds), now)
  if known == incarnation and tonumber(applied) > number then -- these are older data
    redis.call('DEL', keys[1])
    incarnation, number = journal.open(keys, member .. '.' .. applied, tonumber(seconds), now)
  end
  if known ~= incarnation then applied = '0' end
  number = journal.expel(keys, incarnation, number, now)
  local is_late = tonumber(deadline) > 0 and now > tonumber(deadline)
  local is_member = follows == '1' and not is_late
  if is_member then
    if redis.call('HEXISTS', keys[3], member) == 0 then
      number = number + 1
      journal.add(keys, { number = number, incarnation = incarnation, now = now,
        member = member, kind = 'joined' })
    end
    redis.call('HSET', keys[3], member, encode(now + tonumber(seconds)) .. ' ' .. applied)
  end
  redis.call('XTRIM', keys[2], 'MINID', '~', encode(math.floor(now * 1000) - KEPT_MILLISECONDS))
  for i = 1, 3 do redis.call('PEXPIRE', keys[i], KEEP_MILLISECONDS) end
  return { incarnation, encode(number), encode(now), is_member and '1' or '0' }
end

local function journal_leave(keys, args)
  redis.call('HDEL', keys[1], args[1])
  return { 'left' }
end

-- Record that members have ended without a word, and are not cut off.
local function journal_bury(keys, args)
  local seconds, now = tonumber(args[1]), server_time()
  local incarnation, number = journal.open(keys, args[2], seconds, now)
  for i = 2, #args do
    redis.call('HDEL', keys[3], args[i])
    number = number + 1
    journal.add(keys, { number = number, incarnation = incarnation, now = now,
      member = args[i], kind = 'ended' })
  end
  return { 'buried' }
end

-- Append an entry. A reading is outdated if one of its marks was set after entry `based_on`: it is
-- of that kind then, and no gateway stores it; a write sets its marks. Keys: state, log, members,
-- then `marks` keys of marks, then keys of flights.
local function journal_append(keys, args)
  local member, known, kind, based_on, marks, ended, content = unpack(args)
  local now = server_time()
  local found = redis.call('HMGET', keys[1], 'incarnation', 'number')
  local incarnation, number = found[1], tonumber(found[2])
  if known ~= incarnation then return { 'lost', '0' } end
  local last = 3 + tonumber(marks)
  for i = last + 1, #keys do redis.call('DEL', keys[i]) end
  if based_on ~= '' then
    for i = 4, last do
      if tonumber(redis.call('GET', keys[i]) or '0') > tonumber(based_on) then kind = 'outdated' end
    end
  end
  number = number + 1
  if based_on == '' then
    for i = 4, last do redis.call('SET', keys[i], encode(number), 'PX', MARK_MILLISECONDS) end
  end
  journal.add(keys, { number = number, incarnation = incarnation, now = now, member = member,
    kind = kind, content = content, ended = ended })
  return { 'appended', encode(number) }
end

-- Record what a member has applied; return the number of the last entry that all members have. Of
-- another incarnation nothing is known: its members may be there, and are not listed any more.
local function journal_ack(keys, args)
  local member, known, applied = unpack(args)
  local found = redis.call('HMGET', keys[1], 'incarnation', 'number', 'settled')
  local now, by_all = server_time(), tonumber(found[2] or '0')
  if found[1] ~= known then return { '0' } end
  local own = redis.call('HGET', keys[2], member)
  if own then redis.call('HSET', keys[2], member, words_of(own)[1] .. ' ' .. applied) end
  if tonumber(found[3] or '0') > now then return { '0' } end
  local members = redis.call('HGETALL', keys[2])
  for i = 1, #members, 2 do
    local words = words_of(members[i + 1])
    if tonumber(words[1]) > now then by_all = math.min(by_all, tonumber(words[2])) end
  end
  return { encode(by_all) }
end

-- Take the flights that no other member has under way; return the last entry's number before that.
local function journal_take(keys, args)
  local reply = { redis.call('HGET', keys[1], 'number') or '0' }
  for i = 2, #keys do
    local done = redis.call('SET', keys[i], args[1], 'NX', 'PX', args[2])
    reply[i] = done and '1' or '0'
  end
  return reply
end

register('journal_beat', journal_beat)
register('journal_bury', journal_bury)
register('journal_leave', journal_leave)
register('journal_append', journal_append)
register('journal_ack', journal_ack)
register('journal_take', journal_take)
