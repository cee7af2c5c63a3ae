-- Unverified credentials. The specification is gateway/ratelimit/unknown_credentials.py.
local FAILURES, FAILURE_SPAN, UNTHROTTLED, RETURN_AFTER, MOST_REJECTED = 25, 900, 12, 1, 20000
local TIERS = {
  unthrottled = { pause = 0, few = 4, many = 16 },
  throttled = { pause = 2, few = 1, many = 4 },
  returning = { pause = 10, few = 1, many = 4 },
}

local unknown = {}

function unknown.create(s)
  s.unthrottled_parallelism, s.throttled_parallelism, s.returning_parallelism = 4, 1, 1
end

local function failed(s, now)
  local failures = drop_before(words_of(s.failures), now - FAILURE_SPAN)
  s.failures = nil
  if #failures > 0 then s.failures = table.concat(failures, ' ') end
  return #failures
end

local function is_back(keys, credential, now)
  local at = redis.call('ZSCORE', keys.rejected, credential)
  return now >= (at and tonumber(at) or now) + RETURN_AFTER
end

local function tier_of(s, keys, credential, now)
  if failed(s, now) < UNTHROTTLED then return 'unthrottled' end
  return is_back(keys, credential, now) and 'returning' or 'throttled'
end

local function tier_wait(s, tier, now)
  local at = s[tier .. '_failed_at']
  return at and math.max(0, at + TIERS[tier].pause - now) or 0
end

local function tier_in_flight(s, tier)
  local count = 0
  for _, each in pairs(s.a) do
    if each == tier then count = count + 1 end
  end
  return count
end

local function tier_failed(s, tier, now)
  s[tier .. '_parallelism'], s[tier .. '_failed_at'] = TIERS[tier].few, now
end

function unknown.is_unknown(s, keys, credential, now)
  return failed(s, now) == FAILURES and not is_back(keys, credential, now)
end

function unknown.wait(s, keys, credential, now)
  if unknown.is_unknown(s, keys, credential, now) then
    return math.max(RETURN_AFTER, tier_wait(s, 'returning', now))
  end
  return tier_wait(s, tier_of(s, keys, credential, now), now)
end

function unknown.room(s, keys, credential, now)
  local tier = tier_of(s, keys, credential, now)
  local left = FAILURES - failed(s, now)
  if left == 0 then left = TIERS[tier].many end
  local most = math.min(s[tier .. '_parallelism'], left)
  return not s.a[credential] and tier_in_flight(s, tier) < most
end

function unknown.record_rejection(keys, credential, now)
  redis.call('ZADD', keys.rejected, 'NX', encode(now), credential)
  if redis.call('ZCARD', keys.rejected) > MOST_REJECTED then
    redis.call('ZREMRANGEBYRANK', keys.rejected, 0, 0)
  end
end

function unknown.record_attempt(s, keys, credential, now)
  s.a[credential] = tier_of(s, keys, credential, now)
end

function unknown.succeeded(s, keys, credential)
  local tier = s.a[credential]
  if tier then
    local name = tier .. '_parallelism'
    s[name] = math.min(s[name] + 1, TIERS[tier].many)
    s.a[credential] = nil
  end
  redis.call('ZREM', keys.rejected, credential)
end

function unknown.failed(s, keys, credential, now)
  local tier, failures = s.a[credential], words_of(s.failures)
  s.a[credential] = nil
  if tier then tier_failed(s, tier, now) end
  if tier == 'unthrottled' then tier_failed(s, 'throttled', now) end
  failures[#failures + 1] = encode(now)
  s.failures = table.concat(failures, ' ', math.max(1, #failures - FAILURES + 1))
  redis.call('ZREM', keys.rejected, credential)
end

function unknown.no_evidence(s, credential)
  s.a[credential] = nil
end
