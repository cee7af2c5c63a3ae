const INTERVAL = 2000;
const SPAN = 900;
const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [900, 200, 42, 10, 26];
const SVG = 'http://www.w3.org/2000/svg';

const part = id => document.getElementById(id);
const percent = value => `${Math.round(value * 100)} %`;
const clock = seconds =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

function element(name, text, kind) {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function shape(name, attributes, text = '') {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function rows(id, lines, empty) {
  const columns = part(id).previousElementSibling.rows[0].cells.length;
  const made = lines.map(([head, ...cells]) => {
    const row = document.createElement('tr');
    const first = element('th', head);
    first.scope = 'row';
    row.append(first, ...cells.map(cell => (cell instanceof Node ? cell : element('td', cell))));
    return row;
  });
  if (!made.length) {
    const row = document.createElement('tr');
    const cell = element('td', empty);
    cell.colSpan = columns;
    row.append(cell);
    made.push(row);
  }
  part(id).replaceChildren(...made);
}

function pairs(id, entries) {
  part(id).replaceChildren(
    ...entries.flatMap(([term, value, kind]) => [element('dt', term), element('dd', value, kind)]),
  );
}

function bar(value) {
  const cell = document.createElement('td');
  const meter = document.createElement('meter');
  meter.value = value;
  meter.setAttribute('aria-label', percent(value));
  meter.textContent = percent(value);
  cell.append(meter);
  return cell;
}

/** Draw what was left of the window as steps, and the calls that are kept for others. */
function draw({ window, burnDown, lanes }) {
  const most = Math.max(window.limit, ...burnDown.map(([, left]) => left), 1);
  const x = seconds => LEFT + (Math.max(seconds, -SPAN) / SPAN + 1) * (WIDTH - LEFT);
  const y = calls => HEIGHT - BOTTOM - (calls / most) * (HEIGHT - TOP - BOTTOM);
  const [first, ...others] = [[-SPAN, burnDown[0]?.[1] ?? window.remaining], ...burnDown];
  const steps = others.map(([at, left]) => `H${x(at)}V${y(left)}`).join('');
  const line = `M${x(first[0])} ${y(first[1])}${steps}`;
  const left = Object.fromEntries(lanes.map(lane => [lane.lane, lane.left]));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(each => Math.round(each * window.limit));
  part('chart').replaceChildren(
    ...ticks.flatMap(tick => [
      shape('line', { class: 'grid', x1: LEFT, x2: WIDTH, y1: y(tick), y2: y(tick) }),
      shape('text', { x: LEFT - 8, y: y(tick) + 5, 'text-anchor': 'end' }, tick),
    ]),
    ...[15, 10, 5, 0].map(minutes =>
      shape(
        'text',
        {
          x: x(-minutes * 60),
          y: HEIGHT - 8,
          'text-anchor': minutes === 15 ? 'start' : minutes ? 'middle' : 'end',
        },
        minutes ? `${minutes} min ago` : 'now',
      ),
    ),
    shape('path', { class: 'under', d: `${line}V${y(0)}H${x(-SPAN)}Z` }),
    kept('writes', y(window.remaining - left.interactive)),
    kept('refresh', y(window.remaining - left.refresh)),
    shape('path', { class: 'left', d: line }),
  );
  part('chart').setAttribute(
    'aria-label',
    `Calls left in the last 15 minutes; ${window.remaining} of ${window.limit} are left now.`,
  );
}

const kept = (kind, y) =>
  shape('line', { class: `kept ${kind}`, x1: LEFT, x2: WIDTH, y1: y, y2: y });

function show(state) {
  const { window, lanes, callers, shared } = state;
  part('remaining').textContent = window.remaining;
  part('window').textContent =
    `of ${window.limit} calls left; the window ends in ${clock(window.resetSeconds)}`;
  draw(state);
  rows(
    'lanes',
    lanes.map(({ lane, calls, left, waiting }) => [lane, calls, left, waiting]),
  );
  const spent = callers.reduce((sum, each) => sum + each.calls, 0);
  rows(
    'callers',
    callers.map(({ caller, calls }) => [caller ?? 'all others', calls, bar(calls / spent)]),
    'No call in the last 15 minutes.',
  );
  const free = state.saved + state.joined;
  pairs('served', [
    ['Requests', state.requests],
    ['… from stored responses', state.stored],
    ['Reads saved by the cache', state.saved],
    ['Reads joined to a call of another', state.joined],
    ['Calls of the API', state.calls],
    ['… without a response', state.lost, state.lost ? 'bad' : ''],
    ['Reads without a call', free + state.calls ? percent(free / (free + state.calls)) : '–'],
  ]);
  rows('refusals', Object.entries(state.refusals), 'None since the start.');
  pairs('controls', [
    ['Circuit breaker', ...openness(!state.breaker, 'closed', 'open: the API fails')],
    [
      'Breaker of unverified credentials',
      ...openness(!state.unverifiedBreaker, 'closed', 'open'),
    ],
    ['Gate after a 429', ...openness(state.gate, 'open', 'shut: the API refused')],
    ['Calls in flight', state.inFlight],
    ['Subscriptions', state.subscriptions],
    ...(state.proof ? [['Webhooks', ...proof(state.proof)]] : []),
    ['Gateways of the budget', shared ? shared.gateways : 'this one alone'],
    ...(shared ? [['Its server', ...openness(shared.reachable, 'reachable', 'gone')]] : []),
  ]);
  const events = [...Object.entries(state.writes), ...webhooks(state.webhooks)];
  pairs('events', events.length ? events : [['None since the start.', '']]);
}

const openness = (fine, well, ill) => [fine ? well : ill, fine ? 'good' : 'bad'];
const proof = ({ proven, forSeconds, reason }) =>
  proven ? [`proven for ${clock(forSeconds)}`, 'good'] : [`not proven: ${reason}`];
const webhooks = counts => Object.entries(counts).map(([what, count]) => [`webhook ${what}`, count]);

let at = '';
async function poll() {
  if (!document.hidden) {
    try {
      const response = await fetch('/status/state.json');
      if (!response.ok) throw new Error(response.status);
      show(await response.json());
      at = new Date().toLocaleTimeString();
      part('connection').textContent = `live · ${at}`;
      part('connection').className = '';
    } catch {
      part('connection').textContent = at
        ? `The gateway does not answer; these numbers are from ${at}.`
        : 'The gateway does not answer.';
      part('connection').className = 'bad';
    }
  }
  setTimeout(poll, INTERVAL);
}
poll();
