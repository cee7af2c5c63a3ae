-- The rate limit window. The specification is gateway/ratelimit/{window,lost_calls}.py.
local RESERVED, MAX_RESERVED, PRIOR, REFRESHING = 10, 30, 0.25, 20
local PROBE_SECONDS, MAX_PROBE_SECONDS, LATEST_SECONDS = 2, 60, 15
local WRITE, INTERACTIVE, REFRESH = 0, 1, 3

local window = {}

-- Calls in flight: `f:<id>` holds the number, the trial, the expiry and the credential on trial.
function window.flight(s, id)
  local words = words_of(s.f[id])
  if not words[1] then return nil end
  return {
    number = tonumber(words[1]), trial = tonumber(words[2]), expires = tonumber(words[3]),
    credential = words[4],
  }
end

function window.in_flight(s)
  local count = 0
  for _ in pairs(s.f) do count = count + 1 end
  return count
end

-- Return the number for a call that a gateway sent at an unknown time until now. It may be older than
-- the response with the fewest calls left; so what its own response states contradicts nothing.
function window.number_of_unknown(s)
  return math.min(s.number, s.lowest_since or s.number)
end

function window.start_next(s, ended)
  local in_flight = window.in_flight(s)
  s.left = s.limit - in_flight
  s.previous_end = ended
  s.ends = nil
  if in_flight > 0 then s.ends = ended + s.window + 1 end
  s.lowest, s.lowered, s.lost, s.contradicted = nil, 0, 0, 0
  s.sent_after_at, s.certain_from = nil, nil
  s.synced, s.last_synced = 0, 0
  s.unsure, s.pause = nil, PROBE_SECONDS
  s.refreshes = 0
  s.writes_before, s.writes = s.writes, 0
  s.window_number = s.window_number + 1
  s.first = s.number + 1
end

function window.roll(s, now)
  while s.ends and now >= s.ends do window.start_next(s, s.ends) end
end

function window.rest(s, now)
  window.roll(s, now)
  if not s.ends then return s.window end
  return s.ends - now
end

function window.reserved_for_others(s, priority, now)
  if priority == WRITE then return 0 end
  local least = math.floor(s.limit * RESERVED / 100)
  local reserved = least
  if s.writes > 0 or s.writes_before > 0 then
    local rest, before = window.rest(s, now), 0
    if s.writes_before > 0 then before = 1 end
    local observed = s.window * (1 + PRIOR + before) - rest
    local seen = s.writes + s.writes_before + PRIOR * least
    local expected = math.max(0, rest * seen / observed)
    local most = math.floor(s.limit * MAX_RESERVED / 100)
    reserved = math.min(math.max(least, math.ceil(expected + 2 * math.sqrt(expected))), most)
  end
  if priority == REFRESH then return reserved + least end
  return reserved
end

-- Return the seconds for which the last call is kept: its headers may return more than one.
function window.kept(s, now)
  local lost = s.lost or 0
  if not s.lowest or lost == 0 or lost + (s.lowered or 0) < 2 or s.certain_from then return 0 end
  return math.max(0, (s.sent_after_at or now) + LATEST_SECONDS - now)
end

function window.remaining(s, priority, now)
  window.roll(s, now)
  local left = s.left - window.reserved_for_others(s, priority, now)
  if left == 1 and window.kept(s, now) > 0 then return 0 end
  return math.max(0, left)
end

-- Return the seconds until a call may probe the calls left; an empty text if they are known.
function window.probe_wait(s, now)
  if not s.unsure then return '' end
  return encode(math.max(0, s.probe_at - now))
end

function window.wait(s, priority, now)
  local rest = window.rest(s, now)
  local reserved = window.reserved_for_others(s, priority, now)
  local kept = window.kept(s, now)
  if s.left == reserved + 1 and kept > 0 then return math.min(kept, rest) end
  if s.left <= reserved then
    if s.unsure then return math.max(0, math.min(s.probe_at - now, rest)) end
    local least = math.floor(s.limit * RESERVED / 100)
    if priority == REFRESH then least = 2 * least end
    if priority ~= WRITE and s.left > least then
      return math.max(1, rest * (1 - s.left / reserved))
    end
    return rest
  end
  if priority ~= REFRESH or not s.ends then return 0 end
  if s.refreshes >= math.floor(s.limit * REFRESHING / 100) then return rest end
  return math.max(0, rest - s.window * (s.left - 1) / s.limit)
end

function window.reserve(s, priority, now)
  window.roll(s, now)
  if not s.ends then s.ends = now + s.window + 1 end
  if s.unsure and s.left <= window.reserved_for_others(s, priority, now) then
    s.pause = math.min(2 * s.pause, MAX_PROBE_SECONDS)
    s.probe_at = now + s.pause
  end
  s.left = s.left - 1
  if priority == REFRESH then s.refreshes = s.refreshes + 1 end
  if priority == WRITE then s.writes = s.writes + 1 end
  s.number = s.number + 1
  if (s.lost or 0) > 0 and not s.certain_from then
    s.sent_after_at = s.sent_after_at or now -- an earlier version of this library leaves it out
    if now >= s.sent_after_at + LATEST_SECONDS then s.certain_from = s.number end
  end
  return s.number
end

-- Extend a window whose end no response states: it may have begun as late as `now`.
local function extend_unsynced(s, now)
  if s.synced == 0 and s.last_synced == 0 and s.ends then
    s.last_synced = 1
    s.ends = math.max(s.ends, now + s.window + 1)
  end
end

-- Count calls that the API may have counted, and of which no response states so. Those that are sent
-- `LATEST_SECONDS` later settle them by their headers: `LostCalls`.
function window.lost(s, calls)
  if calls == 0 then return end
  extend_unsynced(s, s.now)
  s.lost = (s.lost or 0) + calls
  s.sent_after_at, s.certain_from = s.now, nil
end

-- End the doubt about a call of a lease: the headers of its response include it.
function window.found(s)
  s.lost = math.max(0, (s.lost or 0) - 1)
end

-- Return what headers took too much.
local function return_certain(s)
  local uncertain = window.in_flight(s) + (s.lost or 0) + (s.contradicted or 0)
  local returned = math.max(0, math.min(s.lowered or 0, s.lowest - uncertain - s.left))
  s.left = s.left + returned
  s.lowered = (s.lowered or 0) - returned
end

local function lower_remaining(s, number, status)
  if not status.remaining then return window.lost(s, 1) end
  if not s.lowest or status.remaining < s.lowest then
    s.lowest, s.lowest_since = status.remaining, s.number
    if s.certain_from and number >= s.certain_from then
      s.lowered, s.lost, s.certain_from = (s.lowered or 0) + s.lost, 0, nil
    end
  elseif number > s.lowest_since then
    s.contradicted = (s.contradicted or 0) + 1
  end
  if status.remaining - window.in_flight(s) < s.left then
    local later = 0
    for id in pairs(s.f) do
      if window.flight(s, id).number > number then later = later + 1 end
    end
    local lower = math.max(0, s.left - (status.remaining - later))
    s.left, s.lowered = s.left - lower, (s.lowered or 0) + lower
  end
  return_certain(s)
end

local function raise_unsure(s, number, status, now)
  if not s.unsure or number <= s.unsure or not status.remaining then return end
  local left = status.remaining - window.in_flight(s)
  local raised = math.max(0, left - s.left)
  s.left, s.lowered = s.left + raised, math.max(0, (s.lowered or 0) - raised)
  if left > window.reserved_for_others(s, INTERACTIVE, now) then s.pause = PROBE_SECONDS end
end

local function record_without_reset(s, number, status, now)
  extend_unsynced(s, now)
  if number < s.first then return end
  lower_remaining(s, number, status)
  if status.remaining and s.synced == 0 then
    if not s.unsure then s.probe_at = now + s.pause end
    s.unsure = s.number
  end
end

local function synchronise(s, status, ends, now, slack)
  if s.synced == 1 and s.ends then
    if ends > s.ends + slack and now >= s.ends - slack then
      window.start_next(s, s.ends)
    elseif s.ends - slack <= ends and ends < s.ends then
      s.ends = ends
    end
  end
  if s.synced == 1 then return end
  s.synced = 1
  s.unsure, s.pause = nil, PROBE_SECONDS
  s.ends = ends
  if status.limit then
    s.left = s.left + status.limit - s.limit
    s.limit = status.limit
  end
end

-- Adjust the window to the headers of the response to call `number`, which is in flight no more.
function window.record_response(s, number, status, now)
  local slack = math.min(5, s.window / 4)
  raise_unsure(s, number, status, now)
  if not status.reset or status.reset > s.window then
    return record_without_reset(s, number, status, now)
  end
  local ends = now + status.reset + 1
  if number < s.first and s.previous_end and ends <= s.previous_end + slack + 1 then return end
  synchronise(s, status, ends, now, slack)
  lower_remaining(s, number, status)
end
