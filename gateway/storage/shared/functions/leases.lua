-- Leases: calls that a gateway may send while it cannot reach this server. They are set aside out
-- of the calls left, so that all leases together and all calls granted here stay within the limit.
-- An entry `l:<gateway>` holds the amount and the id of the lease that the gateway confirmed, the
-- amount and the id of the one offered last, the calls used, the expiry, and the numbers of the last
-- beat and of the last report: an older one that arrives later, or again, changes nothing.
local LEASE_SECONDS, LEASE_PART, LEFT_PART, UNCLAIMED = 75, 25, 4, '?'

local leases = {}

local function lease_of(s, gateway)
  local words = words_of(s.l[gateway])
  return {
    held = tonumber(words[1] or '0'), held_id = words[2] or '-',
    offered = tonumber(words[3] or '0'), offered_id = words[4] or '-',
    used = tonumber(words[5] or '0'), expires = tonumber(words[6] or '0'),
    beat = tonumber(words[7] or '0'), report = tonumber(words[8] or '0'),
  }
end

local function set_lease(s, gateway, lease)
  s.l[gateway] = string.format('%d %s %d %s %d %.17g %d %d', lease.held, lease.held_id,
    lease.offered, lease.offered_id, lease.used, lease.expires, lease.beat, lease.report)
end

-- Return whether a gateway's report is recorded already, as one whose reply was lost.
function leases.is_reported(s, gateway, report)
  if not s.l[gateway] then return false end
  local lease = lease_of(s, gateway)
  if report <= lease.report then return true end
  lease.report = report
  set_lease(s, gateway, lease)
  return false
end

-- Return the calls set aside: the gateway holds one of two leases, and only it knows which.
function leases.total(s, except)
  local total = 0
  for gateway in pairs(s.l) do
    local lease = lease_of(s, gateway)
    if gateway ~= except then total = total + math.max(lease.held, lease.offered) end
  end
  return total
end

-- Count the lease of a gateway that is gone as spent.
function leases.expire(s, now)
  for gateway in pairs(s.l) do
    local lease = lease_of(s, gateway)
    if now >= lease.expires then
      s.left = s.left - math.max(lease.held, lease.offered)
      window.lost(s, math.max(lease.held, lease.offered))
      s.l[gateway] = nil
    end
  end
end

-- Return the calls set aside for each gateway.
function leases.amounts(s)
  local amounts = {}
  for gateway in pairs(s.l) do
    local lease = lease_of(s, gateway)
    amounts[gateway] = math.max(lease.held, lease.offered)
  end
  return amounts
end

local function set_unclaimed(s, gateway, amount, now)
  local lease = lease_of(s, gateway)
  set_lease(s, gateway, {
    held = amount, held_id = UNCLAIMED, offered = 0, offered_id = UNCLAIMED, used = 0,
    expires = now + LEASE_SECONDS, beat = lease.beat, report = lease.report,
  })
end

local function is_claimed(s, gateway)
  return s.l[gateway] and lease_of(s, gateway).held_id ~= UNCLAIMED
end

-- Set aside what a lost state had leased, until each gateway claims its lease.
function leases.keep_unclaimed(s, amounts, now)
  for gateway, amount in pairs(amounts) do
    if not is_claimed(s, gateway) then set_unclaimed(s, gateway, amount, now) end
  end
end

-- Wait for all gateways to claim their leases again.
function leases.unclaim_all(s, now)
  for gateway, amount in pairs(leases.amounts(s)) do set_unclaimed(s, gateway, amount, now) end
end

function leases.are_all_claimed(s)
  for gateway in pairs(s.l) do
    if not is_claimed(s, gateway) then return false end
  end
  return true
end

local function next_amount(s, gateway, held)
  local gateways = 0
  for _ in pairs(s.l) do gateways = gateways + 1 end
  local amount = math.min(math.floor(s.limit / LEASE_PART),
    math.floor(math.max(0, s.left) / (LEFT_PART * gateways)))
  local free = math.max(0, s.left - leases.total(s, gateway) - held)
  return math.min(amount, held + free)
end

function leases.is_late(s, gateway, beat)
  return beat <= lease_of(s, gateway).beat
end

-- Record the calls used of lease `id`, and offer the next one; return its id and its amount.
function leases.renew(s, gateway, beat, id, amount, used, now, learning)
  local lease = lease_of(s, gateway)
  lease.beat = beat
  if id == lease.offered_id then
    lease.held, lease.held_id, lease.used = lease.offered, id, 0
  elseif id ~= lease.held_id then
    lease.held, lease.held_id, lease.used = amount, id, 0
  end
  local spent = used - lease.used
  s.left, s.number, s.missed = s.left - spent, s.number + spent, s.missed + spent
  window.lost(s, spent)
  lease.held, lease.used = math.max(0, lease.held - spent), used
  lease.offered, lease.expires = 0, now + LEASE_SECONDS
  set_lease(s, gateway, lease)
  lease.offered = learning and lease.held or next_amount(s, gateway, lease.held)
  s.grants_made = s.grants_made + 1
  lease.offered_id = s.incarnation .. '.' .. s.grants_made
  set_lease(s, gateway, lease)
  return lease.offered_id, lease.offered
end

function leases.give_back(s, gateway, id, used)
  local lease = lease_of(s, gateway)
  if id == lease.offered_id then lease.used = 0 end
  local spent = math.max(0, used - lease.used)
  s.left, s.number = s.left - spent, s.number + spent
  window.lost(s, spent)
  s.l[gateway] = nil
end
