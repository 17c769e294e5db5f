import asyncio
import json
import os
import re
import sys

import pytest

import heapglass.mcp as server


def test_command_without_arguments():
    for command, shown in (("python3", "python3"), ("python3 app.py", "python3 app.py"), ("python3 -u app.py --key k", "python3 -u app.py ..."),
                           ("python3 -m app serve", "python3 -m app ..."), ("python3 -c secret()", "python3 ..."),
                           ("tool --token abc", "tool ...")):
        assert server.command_without_arguments(command) == shown


def test_an_answer_fits_its_budget():
    answer = {"rows": [{"n": each, "text": "x" * 50} for each in range(1000)], "caveats": [{"kind": "torn", "count": 1, "examples": []}]}
    text = server.fit(answer, 2000)
    assert len(text) <= 2000
    short = json.loads(text)
    assert short["left_out"]["rows"] + len(short["rows"]) == 1000
    assert short["caveats"]
    assert "cut" in server.fit({"text": "x" * 5000}, 2000)


def test_only_what_was_named_or_confirmed(service, tmp_path):
    captures = server.Captures(str(tmp_path), [], False, 60, None)
    with pytest.raises(server.Refused) as caught:
        captures.heap(str(service.pid))
    assert "hunter2" not in str(caught.value)
    word = re.search("confirm='(.*?)'", str(caught.value)).group(1)
    with pytest.raises(server.Refused):
        captures.heap(str(service.pid), "x" + word)
    with pytest.raises(server.Refused):
        captures.heap(str(os.getpid()), word)  # a word is good for its process alone
    heap, taken = captures.heap(str(service.pid), word)
    assert captures.heap(str(service.pid)) == (heap, taken)  # confirmed once, captured once
    with pytest.raises(server.Refused, match="no process"):
        captures.heap(str(2 ** 22 + 1))
    with pytest.raises(server.Refused, match="not named"):
        captures.heap("@shop")


def test_a_snapshot_with_values_is_not_shown(service, tmp_path):
    path = str(tmp_path / "values.hg")
    server.Heap(service.pid).snapshot(path)
    with pytest.raises(server.Refused, match="has values"):
        server.Captures(str(tmp_path), [path], False, 60, None).heap(path)
    assert server.Captures(str(tmp_path), [path], True, 60, None).heap(path)[0].target == path


def test_from_the_question_to_the_owner(service):
    """Over the real protocol, with the SDK's client."""
    mcp = pytest.importorskip("mcp")
    from mcp.client.stdio import stdio_client

    service.leak(10)
    pid = str(service.pid)

    async def talk():
        parameters = mcp.StdioServerParameters(command=sys.executable, args=["-m", "heapglass.mcp"], env=dict(os.environ))
        async with stdio_client(parameters) as streams, mcp.ClientSession(*streams) as session:
            await session.initialize()
            tools = [each.name for each in (await session.list_tools()).tools]
            assert sorted(tools) == sorted(server.NAMES)
            said = []

            async def call(name, **arguments):
                answer = await session.call_tool(name, arguments)
                said.extend(each.text for each in answer.content if each.type == "text")
                return answer.content

            # "What leaks in this process?"
            refusal = (await call("leaks", target=pid))[0].text
            word = re.search("confirm='(.*?)'", refusal).group(1)
            leaks = json.loads((await call("leaks", target=pid, confirm=word))[0].text)
            assert "shop.cache" in [each["owner"] for each in leaks["suspects"]]
            assert "no-values" in [each["kind"] for each in leaks["caveats"]]
            paths = json.loads((await call("path", target=pid, type="shop.Session"))[0].text)["paths"]
            assert paths[0]["text"].startswith("module shop -> cache")
            # The other tools, on the same capture.
            rows = json.loads((await call("query", target=pid, sql="SELECT * FROM objects", limit=500))[0].text)
            assert rows["left_out"]["rows"] and rows["capture"]["values"] == "hidden"
            await call("show", target=pid, id=str(paths[0]["steps"][-1]["id"]))
            for name in ("memory", "histogram", "stacks"):
                assert json.loads((await call(name, target=pid))[0].text)["capture"]["taken"] == leaks["capture"]["taken"]
            service.leak(30)
            grown = json.loads((await call("diff", target=pid, seconds=0))[0].text)
            assert {each["type"]: each["count_delta"] for each in grown["types"]}["shop.Session"] == 30
            picture = await call("picture", target=pid, type="shop.Session")
            assert picture[1].type == "image" or "digraph" in picture[1].text
            await call("ps")
            assert "secret-of-the-user" not in "".join(said) and "hunter2" not in "".join(said)

    asyncio.run(asyncio.wait_for(talk(), 60))
