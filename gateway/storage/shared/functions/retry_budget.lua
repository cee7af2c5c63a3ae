-- The retry budget. The specification is `RetryBudget` in gateway/api/retry.py.
local SHARE, SPAN, FLOOR, MOST_RETRIES, RETRY_WINDOW, RESERVE = 0.1, 10, 1, 10, 900, 0.2

local retries = {}

-- Remove the calls and the retries that count no more; both are lists, the oldest first.
local function forget(key, oldest)
  while true do
    local first = redis.call('LINDEX', key, 0)
    if not first or tonumber(first) > oldest then return end
    redis.call('LPOP', key)
  end
end

function retries.called(keys, now)
  forget(keys.called, now - SPAN)
  redis.call('RPUSH', keys.called, encode(now))
end

-- Take one retry; an unverified credential has a budget of its own, in which no calls count.
function retries.take(s, keys, known, now)
  local key, calls = known and keys.retried or keys.retried_newcomers, 0
  forget(key, now - RETRY_WINDOW)
  if known then
    forget(keys.called, now - SPAN)
    calls = redis.call('LLEN', keys.called)
  end
  local taken = redis.call('LRANGE', key, 0, -1)
  local recent = #drop_before(taken, now - SPAN)
  local left = math.max(0, s.left)
  if slow_start.wait(s, now) > 0 then left = 0 end
  local allowed = #taken < MOST_RETRIES
    and recent < math.max(FLOOR, math.floor(SHARE * calls))
    and left >= RESERVE * s.limit
  if allowed then redis.call('RPUSH', key, encode(now)) end
  return allowed
end
