-- What becomes of a lost state. Every answer carries a memo of the state, and each gateway keeps
-- its newest. A server without a state, or with an older one than a memo, grants nothing until it
-- has learnt the memos of all gateways that the newest one lists, or for 10 s at most. Memos are
-- ordered by the changes counted in them: calls that were granted and are in no memo were never
-- sent, since their gateway did not get the reply.
local LEARNING_SECONDS, UNHEARD_SECONDS, NUMBERS_SKIPPED = 1.5, 8.5, 1000
local RETRY_SECONDS = 0.25
local MEMO = {
  'limit', 'window', 'left', 'ends', 'synced', 'last_synced', 'previous_end', 'number', 'first',
  'refreshes', 'writes', 'writes_before', 'window_number', 'unsure', 'probe_at', 'pause',
  'shut_until', 'open', 'parallelism', 'round', 'unstated', 'total',
  'base_number',
}

local learning = {}

function learning.memo_of(s)
  local words = { 'incarnation', s.incarnation }
  if s.base then words = { 'incarnation', s.incarnation, 'base', s.base } end
  for gateway, amount in pairs(leases.amounts(s)) do
    words[#words + 1] = 'l:' .. gateway
    words[#words + 1] = encode(amount)
  end
  for _, name in ipairs(MEMO) do
    if s[name] then
      words[#words + 1] = name
      words[#words + 1] = encode(s[name])
    end
  end
  return table.concat(words, ' ')
end

local function parse_memo(text)
  local words, memo = words_of(text), { leased = {} }
  for i = 1, #words, 2 do
    local name, value = words[i], words[i + 1]
    local gateway = string.match(name, '^l:(.*)')
    if gateway then
      memo.leased[gateway] = tonumber(value)
    else
      memo[name] = TEXT[name] and value or tonumber(value)
    end
  end
  return memo
end

local function created_at(incarnation)
  return tonumber(string.match(incarnation or '', '^[%d.]+') or '-1')
end

function learning.create(s, limit, seconds, gateway, now)
  s.incarnation = string.format('%.6f-%s', now, gateway)
  s.limit, s.window, s.left = limit, seconds, limit
  s.synced, s.last_synced, s.number, s.first, s.refreshes = 0, 0, 0, 0, 0
  s.writes, s.writes_before, s.window_number = 0, 0, 0
  s.probe_at, s.pause = 0, PROBE_SECONDS
  s.shut_until, s.open, s.parallelism, s.round, s.unstated = 0, 1, 1, 0, 0
  s.trial_in_flight, s.passed = 0, 0
  s.share_calls, s.callers_seen, s.level = 0, 0, math.huge
  s.total, s.grants_made = 0, 0
  s.learning_until, s.missed = now + LEARNING_SECONDS, 0
  unknown.create(s)
end

function learning.is_learning(s)
  return s.learning_until ~= nil
end

-- Return the seconds until the learning may end.
function learning.rest(s, now)
  return math.max(RETRY_SECONDS, s.learning_until - now)
end

-- Take over the state of `memo`. What was debited while learning stays debited: `missed`.
local function adopt(s, memo, now)
  local older, older_number = memo.base, memo.base_number
  local extra = 0
  if older and older == s.base then extra = math.max(0, s.base_number - older_number) end
  for _, name in ipairs(MEMO) do s[name] = memo[name] end
  s.missed = s.missed + extra
  s.left, s.number = s.left - s.missed, s.number + s.missed
  s.base, s.base_total, s.base_number = memo.incarnation, memo.total, memo.number
  s.older, s.older_number = older, older and older_number + extra
  s.share_window = nil
  leases.keep_unclaimed(s, memo.leased, now)
end

local function begin_again(s, gateway, now)
  s.base, s.base_total, s.base_number = s.incarnation, s.total, s.number
  s.older, s.older_number = nil, nil
  s.incarnation = string.format('%.6f-%s', now, gateway)
  s.learning_until, s.missed = now + LEARNING_SECONDS, 0
  leases.unclaim_all(s, now)
end

-- Debit the calls that a gateway knows of and this state does not, if they are of this window.
local function debit_missed(s, memo, calls, now)
  if not memo.ends or memo.ends <= now or calls <= 0 then return end
  s.left, s.missed = s.left - calls, s.missed + calls
  window.lost(s, calls)
end

-- Take what `memo` knows and this state does not.
function learning.learn(s, text, gateway, now)
  if text == '' then return end
  local memo = parse_memo(text)
  if memo.incarnation == s.incarnation then
    if memo.total <= s.total then return end
    begin_again(s, gateway, now)
  end
  local newer = created_at(memo.incarnation) > created_at(s.base)
  local same = memo.incarnation == s.base
  if learning.is_learning(s) and (newer or (same and memo.total > s.base_total)) then
    adopt(s, memo, now)
  elseif same then
    debit_missed(s, memo, memo.number - s.base_number, now)
    s.base_number = math.max(s.base_number, memo.number)
  elseif memo.incarnation == s.older then
    debit_missed(s, memo, memo.number - s.older_number, now)
    s.older_number = math.max(s.older_number, memo.number)
  elseif not s.base then
    -- The learning ended before any gateway was heard.
    debit_missed(s, memo, memo.limit - memo.left, now)
    s.base, s.base_total, s.base_number = memo.incarnation, memo.total, memo.number
    leases.keep_unclaimed(s, memo.leased, now)
  end
end

-- End the learning: go on from the newest memo with one call, whose headers correct the rest.
function learning.finish_if_over(s, now)
  if not s.learning_until or now < s.learning_until then return end
  local is_complete = leases.are_all_claimed(s)
  if not is_complete and now < s.learning_until + UNHEARD_SECONDS then return end
  s.learning_until = nil
  s.total = s.total + 1
  if not s.base then return end
  s.number = s.number + NUMBERS_SKIPPED
  window.lost(s, s.limit) -- which calls were in flight is not known in this window
  slow_start.begin(s, now, 0)
end

-- Return whether this gateway holds a memo that the state has to learn from first.
function learning.has_missed(s, incarnation, total)
  if incarnation == '' then return false end
  return incarnation ~= s.incarnation or total > s.total
end
