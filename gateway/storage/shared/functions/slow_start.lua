-- The slow start after a 429. The specification is gateway/ratelimit/slow_start.py.
local UNSTATED, LONGEST, TRIAL_WAIT, FULL = 60, 900, 0.25, 16

local slow_start = {}

function slow_start.wait(s, now)
  if s.open == 1 then return 0 end
  if now < s.shut_until then return s.shut_until - now end
  if s.trial_in_flight < s.parallelism then return 0 end
  return TRIAL_WAIT
end

function slow_start.enter(s)
  if s.open == 1 then return 0 end
  s.trial_in_flight = s.trial_in_flight + 1
  return s.round
end

-- Let one call through after `seconds`, then more.
function slow_start.begin(s, now, seconds)
  s.shut_until = math.max(s.shut_until, now + seconds)
  s.open, s.parallelism = 0, 1
  s.round = s.round + 1
  s.trial_in_flight, s.passed = 0, 0
end

function slow_start.refused(s, now, seconds)
  if not seconds then
    if s.open == 1 or now >= s.shut_until then s.unstated = s.unstated + 1 end
    seconds = math.min(UNSTATED * 2 ^ (s.unstated - 1), LONGEST)
  end
  slow_start.begin(s, now, seconds)
end

function slow_start.record_pass(s, trial)
  if s.open == 1 or trial ~= s.round then return end
  s.unstated = 0
  s.trial_in_flight = s.trial_in_flight - 1
  s.passed = s.passed + 1
  if s.passed == s.parallelism then
    if s.parallelism >= FULL then s.open = 1 end
    s.passed, s.parallelism = 0, 2 * s.parallelism
  end
end

function slow_start.unknown(s, trial)
  if s.open == 0 and trial == s.round then s.trial_in_flight = s.trial_in_flight - 1 end
end
