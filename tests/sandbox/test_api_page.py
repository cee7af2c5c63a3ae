"""The API page's own examples, sent as it prints them; the answers have the shape it prints."""

import json
from typing import Any

import httpx

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO

LIST = """
{
"success": true,
"data": {
"clients": [
{
"id": "a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684",
"first_name": "Michael",
"last_name": "Torres",
"email": "[email protected]",
"phone": "(661) 555-0142",
"client_type": "buyer",
"status": "active",
"source": "Zillow",
"budget_min": 350000,
"budget_max": 475000
}
],
"meta": {
"page": 1,
"limit": 25,
"total": 42,
"totalPages": 2,
"hasMore": true
}
}
}"""
CREATE_REQUEST = """
{
"first_name": "Jordan",
"last_name": "Lee",
"client_type": "buyer"
}"""
CREATED = """
{
"success": true,
"data": {
"id": "a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684",
"first_name": "Michael",
"last_name": "Torres",
"email": "[email protected]",
"phone": "(661) 555-0142",
"client_type": "buyer",
"status": "active",
"version": 1,
"created_at": "2026-07-01T22:49:27.331Z",
"updated_at": "2026-07-01T22:49:27.331Z"
}
}"""
GOT = """
{
"success": true,
"data": {
"id": "a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684",
"first_name": "Michael",
"last_name": "Torres",
"email": "[email protected]",
"phone": "(661) 555-0142",
"client_type": "buyer",
"status": "active",
"source": "Zillow",
"budget_min": 350000,
"budget_max": 475000,
"pre_approved": true,
"pre_approval_amount": 460000,
"version": 2
}
}"""
UPDATED = """
{
"success": true,
"data": {
"id": "550e8400-e29b-41d4-a716-446655440000",
"user_id": "550e8400-e29b-41d4-a716-446655440000",
"first_name": "John",
"last_name": "Doe",
"email": "[email protected]",
"phone": "(555) 123-4567",
"client_type": "buyer",
"status": "active",
"source": "Zillow",
"budget_min": 400000,
"budget_max": 650000,
"preferred_locations": [
"example preferred locations"
],
"property_preferences": {
"bedrooms_min": 3,
"bathrooms_min": 3,
"square_feet_min": 1800,
"property_types": [
"example property types"
]
},
"pre_approved": true,
"pre_approval_amount": 450000,
"notes": "example notes",
"tags": [
"example tags"
],
"version": 1,
"created_at": "2026-07-15T14:32:10.000Z",
"updated_at": "2026-07-15T14:32:10.000Z"
}
}"""
DELETED = """
{
"success": true,
"data": {},
"timestamp": "2026-07-15T14:32:10.000Z"
}"""


def lacking(example: Any, answer: Any, where: str = "") -> list[str]:
    """Where `answer` lacks a key of `example`, or has a value of another type there."""
    if isinstance(example, dict):
        return [
            found
            for key, value in example.items()
            for found in (
                lacking(value, answer[key], f"{where}.{key}")
                if isinstance(answer, dict) and key in answer
                else [f"{where}.{key}"]
            )
        ]
    if isinstance(example, list):
        items = answer if isinstance(answer, list) else []
        return [found for item in items for found in lacking(example[0], item, f"{where}[]")]
    same = answer is None or type(answer) is type(example)
    return [] if same else [f"{where}: {answer!r}"]


async def test_list_all_clients(api: httpx.AsyncClient) -> None:
    answer = await api.get("/clients")

    assert answer.status_code == 200
    assert lacking(json.loads(LIST), answer.json()) == []
    assert answer.json()["data"]["meta"] == json.loads(LIST)["data"]["meta"]


async def test_create_new_client(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    answer = await api.post(
        "/clients", content=CREATE_REQUEST, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 201
    assert lacking(json.loads(CREATED), answer.json()) == []
    assert sandbox.rows_of(DEMO)[0]["first_name"] == "Jordan"
    assert len(sandbox.rows_of(DEMO)) == 43


async def test_get_client_by_id(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    row = sandbox.rows_of(DEMO)[0]

    answer = await api.get(f"/clients/{row['id']}")

    assert answer.status_code == 200
    assert lacking(json.loads(GOT), answer.json()) == []
    assert answer.json()["data"] == row


async def test_update_client(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    row = sandbox.rows_of(DEMO)[0]
    change = {"email": "a@example.com", "phone": "+1 661 555 0123", "status": "closed"}

    answer = await api.put(f"/clients/{row['id']}", json=change | {"version": row["version"]})

    assert answer.status_code == 200
    assert lacking(json.loads(UPDATED), answer.json()) == []
    now = sandbox.rows_of(DEMO)[0]
    assert now == row | change | {"version": row["version"] + 1, "updated_at": now["updated_at"]}


async def test_delete_client(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    row = sandbox.rows_of(DEMO)[0]

    answer = await api.delete(f"/clients/{row['id']}")

    assert answer.status_code == 200
    assert lacking(json.loads(DELETED), answer.json()) == []
    assert answer.json()["data"] == {}
    again = await api.delete(f"/clients/{row['id']}")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "NOT_FOUND")
