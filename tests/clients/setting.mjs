// Where the demo under test listens, who asks, and what the sandbox behind it saw.
export const url = process.env.GATEWAY;
export const credential = { "X-API-Key": process.env.API_KEY };
const sandbox = process.env.SANDBOX;

/** Calls upstream since the last call of this, as "METHOD /path?query". */
export async function spent() {
  const calls = await (await fetch(`${sandbox}/_sandbox/calls`)).json();
  await fetch(`${sandbox}/_sandbox/calls`, { method: "DELETE" });
  return calls;
}

/** Lets the next call that meets `fault` go wrong (gateway/sandbox/faults.py). */
export const fail = (fault) =>
  fetch(`${sandbox}/_sandbox/faults`, { method: "POST", body: JSON.stringify(fault) });
