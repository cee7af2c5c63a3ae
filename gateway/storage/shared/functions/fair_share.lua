-- Callers' fair shares of the window. The specification is gateway/ratelimit/fair_share.py.
local EXPECTED, GRACE, RECOMPUTE_SECONDS, RECOMPUTE_CALLS = 0.25, 10, 1, 20
local WRITES, REJECTED_WRITE_WEIGHT, MANY = 0.5, 5, 1000

local share = {}

local function counts_of(key)
  local raw, counts, sum, size = redis.call('HGETALL', key), {}, 0, 0
  for i = 1, #raw, 2 do
    counts[raw[i]] = tonumber(raw[i + 1])
    sum, size = sum + counts[raw[i]], size + 1
  end
  return counts, sum, size
end

local function count_of(key, partition)
  return tonumber(redis.call('HGET', key, partition) or '0')
end

local function roll(s, keys, now)
  window.roll(s, now)
  local number = s.window_number
  local recent = s.share_started and now < s.share_started + 2 * s.window
  if number == s.share_window and recent then return end
  local just_ended = recent and number == s.share_window + 1
  if just_ended and redis.call('EXISTS', keys.spent) == 1 then
    redis.call('RENAME', keys.spent, keys.last)
  else
    redis.call('DEL', keys.last, keys.spent)
  end
  redis.call('DEL', keys.writes)
  s.share_window, s.share_started = number, now
  s.recompute_at = nil
end

-- Return what each caller has spent and is expected to need, in one order whatever the hashing is.
local function needs_of(s, keys, remaining, now)
  local spent, sum = counts_of(keys.spent)
  local last, _, last_size = counts_of(keys.last)
  local callers, number = {}, 0
  for caller, count in pairs(spent) do callers[caller], number = count, number + 1 end
  for caller in pairs(last) do
    if not callers[caller] then callers[caller], number = 0, number + 1 end
  end
  local equal, rest = (sum + remaining) / number, window.rest(s, now)
  local watched = s.window - rest + EXPECTED * s.window
  if last_size > 0 then watched = watched + s.window end
  local needs = {}
  for caller, count in pairs(callers) do
    local seen = count + (last[caller] or 0) + EXPECTED * equal
    needs[#needs + 1] = { count, rest * seen / watched }
  end
  table.sort(needs, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  return needs, equal
end

local function demand_up_to(needs, level, part)
  local expected, uncertain = 0, 0
  for _, each in ipairs(needs) do
    local spent, need = each[1], each[2] * part
    if need < level - spent then
      expected, uncertain = expected + need, uncertain + need
    elseif spent < level then
      expected = expected + level - spent
    end
  end
  return math.ceil(expected + 2 * math.sqrt(uncertain))
end

local function recompute(s, keys, now)
  local remaining = window.remaining(s, INTERACTIVE, now)
  local needs, equal = needs_of(s, keys, remaining, now)
  local most = 0
  for _, each in ipairs(needs) do most = math.max(most, each[1]) end
  s.recompute_at = now + RECOMPUTE_SECONDS * math.max(1, #needs / MANY)
  s.callers_seen = redis.call('HLEN', keys.spent)
  s.share_calls = 1 + math.floor(remaining / RECOMPUTE_CALLS)
  redis.call('DEL', keys.waits)
  local level = bisect(most + remaining + 1, function(i)
    return remaining < demand_up_to(needs, i + 1, 1)
  end)
  s.level = math.max(1, level, math.floor(equal + math.min(GRACE, 2 * equal)))
end

local function seconds_until_allowed(s, keys, spent, now)
  local remaining, rest = window.remaining(s, INTERACTIVE, now), window.rest(s, now)
  local needs = needs_of(s, keys, remaining, now)
  return RECOMPUTE_SECONDS + bisect(math.floor(rest), function(elapsed)
    return demand_up_to(needs, spent + 1, 1 - elapsed / rest) <= remaining
  end)
end

function share.spend(s, keys, partition, writes, now)
  roll(s, keys, now)
  if writes then redis.call('HINCRBY', keys.writes, partition, 1) end
  redis.call('HINCRBY', keys.spent, partition, 1)
  s.share_calls = s.share_calls - 1
end

function share.refund(keys, partition, writes)
  if writes and count_of(keys.writes, partition) ~= 0 then
    redis.call('HINCRBY', keys.writes, partition, -1)
  end
  if count_of(keys.spent, partition) ~= 0 then
    redis.call('HINCRBY', keys.spent, partition, -1)
  end
end

-- Add the weight of a write that the API rejected for this caller.
function share.pointless(keys, partition)
  if redis.call('HEXISTS', keys.writes, partition) == 1 then
    redis.call('HINCRBY', keys.writes, partition, REJECTED_WRITE_WEIGHT - 1)
  end
end

function share.wait_to_write(s, keys, partition, now)
  roll(s, keys, now)
  local writes = count_of(keys.writes, partition)
  if writes < WRITES * s.limit then return 0 end
  local callers, number = {}, 0
  for _, key in ipairs({ keys.spent, keys.last }) do
    for _, caller in ipairs(redis.call('HKEYS', key)) do
      if not callers[caller] then callers[caller], number = true, number + 1 end
    end
  end
  local rejected = writes - count_of(keys.spent, partition)
  if number > 1 or rejected >= WRITES * s.limit then return math.max(1, window.rest(s, now)) end
  return 0
end

function share.wait(s, keys, partition, now)
  roll(s, keys, now)
  local spent = count_of(keys.spent, partition)
  if spent == 0 then return 0 end
  local joined = redis.call('HLEN', keys.spent) > s.callers_seen + math.floor(s.callers_seen / 10)
  if not s.recompute_at or now >= s.recompute_at or s.share_calls <= 0 or joined then
    recompute(s, keys, now)
  end
  if spent < s.level then return 0 end
  local known = redis.call('HGET', keys.waits, spent)
  if known then return tonumber(known) end
  local wait = seconds_until_allowed(s, keys, spent, now)
  redis.call('HSET', keys.waits, spent, encode(wait))
  return wait
end
