"""'py-floor': the attainable floor. Raw ASGI; the document is parsed and validated once by graphql-core against the real
Strawberry schema, then turned into a generated-Python plan (closures/`exec`), cached by query text. Any query whose shape
the tiny compiler does not know falls back to schema.execute. Dedupes ids inside a request. CACHE=1: cached upstream pages
plus projected result bytes. Not a product: it shows what a compiled executor could reach."""

import asyncio, gc, os, time
import orjson
from graphql import parse, validate, OperationDefinitionNode, FieldNode, VariableNode
import tuned as T

UP = T.UP
CACHE = T.CACHE
gs = T.schema._schema
SRC = {
    "firstName": "first_name",
    "lastName": "last_name",
    "clientType": "client_type",
    "budgetMin": "budget_min",
    "budgetMax": "budget_max",
}
ENUM = {"clientType", "status"}
UPPER = {v: v.upper() for v in ("buyer", "seller", "both", "active", "inactive", "closed")}


def proj_src(sel, var="c"):
    out = []
    for f in sel.selections:
        k = f.alias.value if f.alias else f.name.value
        n = f.name.value
        if n == "__typename":
            out.append(f"{k!r}:'Client'")
            continue
        e = f"{var}[{SRC.get(n, n)!r}]"
        if n in ENUM:
            e = f"UPPER[{e}]"
        out.append(f"{k!r}:{e}")
    return "{" + ",".join(out) + "}"


META = {
    "page": "page",
    "limit": "limit",
    "total": "total",
    "totalPages": "totalPages",
    "hasMore": "hasMore",
}


class Unsupported(Exception):
    pass


def val_src(node):
    return f"v[{node.name.value!r}]" if isinstance(node, VariableNode) else repr(node.value)


def compile_doc(src):
    doc = parse(src)
    errs = validate(gs, doc)
    if errs:
        raise Unsupported
    ops = [d for d in doc.definitions if isinstance(d, OperationDefinitionNode)]
    if len(ops) != 1 or len(doc.definitions) != 1:
        raise Unsupported
    L = ["async def run(v, fetch):"]
    ids = []
    lists = []
    res = []
    for f in ops[0].selection_set.selections:
        if not isinstance(f, FieldNode) or f.directives:
            raise Unsupported
        k = f.alias.value if f.alias else f.name.value
        n = f.name.value
        a = {x.name.value: x.value for x in (f.arguments or ())}
        if n == "__typename":
            res.append(f"{k!r}:'Query'")
        elif n == "client":
            i = len(ids)
            ids.append(val_src(a["id"]))
            res.append(f"{k!r}:p{i}(g[{val_src(a['id'])}])")
            L.append(
                f"    def p{i}(c): return {proj_src(f.selection_set)} if c is not None else None"
            )
        elif n == "clients":
            i = len(lists)
            lists.append(
                "'/v1/clients?page=%s&limit=%s' % ("
                + (val_src(a["page"]) if "page" in a else "1")
                + ","
                + (val_src(a["limit"]) if "limit" in a else "25")
                + ")"
            )
            parts = []
            for s in f.selection_set.selections:
                if s.name.value == "nodes":
                    parts.append(
                        f"{(s.alias or s.name).value!r}:[{proj_src(s.selection_set)} for c in d{i}['clients']]"
                    )
                elif s.name.value == "meta":
                    parts.append(
                        f"{(s.alias or s.name).value!r}:"
                        + "{"
                        + ",".join(
                            f"{(x.alias or x.name).value!r}:d{i}['meta'][{META[x.name.value]!r}]"
                            for x in s.selection_set.selections
                        )
                        + "}"
                    )
                else:
                    raise Unsupported
            res.append(f"{k!r}:" + "{" + ",".join(parts) + "}")
        else:
            raise Unsupported
    if ids:
        L.append("    u = list({" + ",".join(f"{x}:0" for x in ids) + "})")
        L.append("    if len(u) == 1: r = [await fetch('/v1/clients/' + u[0])]")
        L.append("    else: r = await gather(*[fetch('/v1/clients/' + i) for i in u])")
        L.append("    g = {i: (x['data'] if x is not None else None) for i, x in zip(u, r)}")
    for i, e in enumerate(lists):
        L.append(f"    d{i} = (await fetch({e}))['data']")
    L.append("    return {'data': {" + ",".join(res) + "}}")
    ns = {"UPPER": UPPER, "gather": asyncio.gather}
    exec("\n".join(L), ns)
    return ns["run"]


plans = {}
bytecache = {}
H = [(b"content-type", b"application/json")]


def plan_for(src):
    p = plans.get(src)
    if p is None:
        try:
            p = compile_doc(src)
        except Unsupported:
            p = False
        plans[src] = p
    return p


async def handle(body):
    if CACHE and (hit := bytecache.get(body)) and hit[0] > time.monotonic():
        return hit[1]
    q = orjson.loads(body)
    p = plan_for(q["query"])
    if p:
        out = await p(q.get("variables") or {}, T.fetch)
    else:
        r = await T.schema.execute(
            q["query"], variable_values=q.get("variables"), context_value=T.ctx()
        )
        out = {"data": r.data}
        if r.errors:
            out["errors"] = [e.formatted for e in r.errors]
    b = orjson.dumps(out)
    if CACHE:
        bytecache[body] = (time.monotonic() + 300, b)
    return b


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        async with T.lifespan(None):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    m = await receive()
    body = m.get("body", b"")
    while m.get("more_body"):
        m = await receive()
        body += m.get("body", b"")
    b = await handle(body)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": H + [(b"content-length", str(len(b)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": b})
