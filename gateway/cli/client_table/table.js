const ROWS = 10;
const PAUSE = 150; // milliseconds without a key before a search is sent
const CHIPS = { status: ['ACTIVE', 'INACTIVE', 'CLOSED'], clientType: ['BUYER', 'SELLER', 'BOTH'] };

// The page and its counts. Each chip shows how many clients there would be with it, so each kind
// of chip is counted without its own filter.
const TABLE = `query ClientTable(
  $search: String, $filter: ClientFilter, $ofStatus: ClientFilter, $ofType: ClientFilter,
  $orderBy: [ClientOrder!], $first: Int, $after: String, $last: Int, $before: String
) {
  page: clients(
    search: $search, filter: $filter, orderBy: $orderBy
    first: $first, after: $after, last: $last, before: $before
  ) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { node { id fullName email phone clientType status source budgetMax versionRaw } }
  }
  status: clients(search: $search, filter: $ofStatus, first: 0) {
    facets { status { value count } }
  }
  clientType: clients(search: $search, filter: $ofType, first: 0) {
    facets { clientType { value count } }
  }
}`;
const SAVE = `mutation SavePhone($input: UpdateClientInput!) {
  updateClient(input: $input) {
    __typename
    ... on UpdateClientSuccess { client { id phone versionRaw } }
    ... on ClientMutationError { message }
    ... on ClientVersionConflict { currentVersionRaw current { id phone } }
  }
}`;

const part = id => document.getElementById(id);
const money = new Intl.NumberFormat('en-US', {
  style: 'currency',
  currency: 'USD',
  maximumFractionDigits: 0,
});
const word = value => (value ? value[0] + value.slice(1).toLowerCase() : '');

const chosen = { status: new Set(), clientType: new Set() };
let order = { field: 'FULL_NAME', direction: 'ASC' };
let place = { from: 1, first: ROWS };
let pageInfo = {};
let turn = 0;
let calls = 0;
let edited = null;

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text ?? '';
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Send an operation; add what it cost to the price shown. */
async function ask(query, variables) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  const receipt = answer.extensions?.upstream;
  if (receipt) {
    calls += receipt.calls;
    part('calls').textContent = calls;
    part('left').textContent =
      `, ${receipt.calls} for the last answer;` +
      ` ${receipt.budget.remaining} of ${receipt.budget.limit} left`;
  }
  return answer;
}

const filter = kinds =>
  Object.fromEntries(
    kinds.filter(kind => chosen[kind].size).map(kind => [`${kind}In`, [...chosen[kind]]]),
  );

/** Load the page that is chosen now; an answer that a later one has overtaken is not shown. */
async function load() {
  const own = ++turn;
  const { from, ...window } = place;
  let answer;
  try {
    answer = await ask(TABLE, {
      search: part('search').value || null,
      filter: filter(['status', 'clientType']),
      ofStatus: filter(['clientType']),
      ofType: filter(['status']),
      orderBy: [order],
      ...window,
    });
  } catch {
    answer = { errors: [{ message: 'The gateway does not answer.' }] };
  }
  if (own !== turn) return;
  part('problem').textContent = answer.errors?.[0].message ?? '';
  if (answer.data?.page) show(answer.data, from);
}

function show({ page, ...counts }, from) {
  pageInfo = page.pageInfo;
  part('rows').replaceChildren(...page.edges.filter(edge => edge.node).map(edge => row(edge.node)));
  const shown = page.edges.length
    ? `${from} to ${from + page.edges.length - 1} of ${page.totalCount} clients`
    : 'No client matches';
  part('summary').textContent = shown;
  part('previous').disabled = !pageInfo.hasPreviousPage;
  part('next').disabled = !pageInfo.hasNextPage;
  for (const head of document.querySelectorAll('th[data-field]')) {
    const sorted = head.dataset.field === order.field;
    head.ariaSort = sorted ? (order.direction === 'ASC' ? 'ascending' : 'descending') : null;
  }
  for (const [kind, values] of Object.entries(CHIPS)) {
    const count = Object.fromEntries(counts[kind].facets[kind].map(each => [each.value, each.count]));
    for (const value of values) part(`${kind}-${value}`).lastChild.textContent = count[value] ?? 0;
  }
}

function row(client) {
  const made = document.createElement('tr');
  const phone = element('td', '');
  const edit = element('button', 'Edit', {
    type: 'button',
    'data-id': client.id,
    'aria-label': `Edit the phone number of ${client.fullName ?? client.id}`,
  });
  edit.addEventListener('click', () => open(client));
  phone.append(element('span', client.phone ?? '–'), edit);
  made.append(
    element('th', client.fullName, { scope: 'row' }),
    element('td', client.email),
    phone,
    element('td', word(client.clientType)),
    element('td', word(client.status)),
    element('td', client.source),
    element('td', client.budgetMax === null ? '–' : money.format(client.budgetMax)),
  );
  return made;
}

function reload() {
  place = { from: 1, first: ROWS };
  load();
}

// Editing.

function open(client) {
  edited = client;
  part('editor-title').textContent = `Phone of ${client.fullName ?? client.id}`;
  part('phone').value = client.phone ?? '';
  ask_for('edit', '');
  part('editor').showModal();
}

function ask_for(what, problem) {
  part('edit').hidden = what !== 'edit';
  part('resolve').hidden = what !== 'resolve';
  part('editor-problem').textContent = problem;
}

const update = (phone, version) =>
  ask(SAVE, {
    input: { id: edited.id, phone: phone.trim() || null, ...(version && { expectedVersionRaw: version }) },
  }).then(
    ({ data, errors }) => data?.updateClient ?? { message: errors[0].message },
    () => ({ message: 'The gateway does not answer.' }),
  );

async function save(version) {
  const mine = part('phone').value;
  const result = await update(mine, version);
  if (result.__typename === 'UpdateClientSuccess') {
    part('editor').close();
  } else if (result.__typename === 'ClientVersionConflict' && result.current) {
    edited.versionRaw = result.currentVersionRaw;
    ask_for(
      'resolve',
      `Another writer has changed this client meanwhile. Theirs: ${result.current.phone ?? '–'}.` +
        ` Yours: ${mine || '–'}.`,
    );
    part('mine').focus();
  } else {
    ask_for('edit', result.message);
  }
}

/** Change the number as another writer would: without the version that the editor has read. */
async function changeAsColleague() {
  const digits = String(Math.floor(Math.random() * 10_000)).padStart(4, '0');
  const result = await update(`(661) 555-${digits}`);
  ask_for('edit', result.message ?? 'A colleague has just saved another number.');
  part('phone').focus();
}

// Events.

for (const [kind, values] of Object.entries(CHIPS)) {
  for (const value of values) {
    const chip = element('button', `${word(value)} `, {
      type: 'button',
      id: `${kind}-${value}`,
      'aria-pressed': 'false',
    });
    chip.append(element('span', ''));
    chip.addEventListener('click', () => {
      const on = !chosen[kind].delete(value);
      if (on) chosen[kind].add(value);
      chip.ariaPressed = on;
      reload();
    });
    part(kind).append(chip);
  }
}
for (const head of document.querySelectorAll('th[data-field]')) {
  head.firstChild.addEventListener('click', () => {
    const { field } = head.dataset;
    const again = order.field === field && order.direction === 'ASC';
    order = { field, direction: again ? 'DESC' : 'ASC' };
    reload();
  });
}
let timer;
part('search').addEventListener('input', () => {
  clearTimeout(timer);
  timer = setTimeout(reload, PAUSE);
});
part('next').addEventListener('click', () => {
  place = { from: place.from + ROWS, first: ROWS, after: pageInfo.endCursor };
  load();
});
part('previous').addEventListener('click', () => {
  place = { from: Math.max(1, place.from - ROWS), last: ROWS, before: pageInfo.startCursor };
  load();
});
part('editor').querySelector('form').addEventListener('submit', event => {
  event.preventDefault();
  save(edited.versionRaw);
});
part('mine').addEventListener('click', () => save(edited.versionRaw));
part('colleague').addEventListener('click', changeAsColleague);
for (const button of part('editor').querySelectorAll('[data-close]')) {
  button.addEventListener('click', () => part('editor').close());
}
part('editor').addEventListener('close', async () => {
  await load();
  document.querySelector(`[data-id="${edited.id}"]`)?.focus();
});
load();
