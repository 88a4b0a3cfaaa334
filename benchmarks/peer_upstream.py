"""What the peers ask, as a stand-in: a little of Elasticsearch's API, and of Proxmox VE's over TLS.

Runs as a process of its own. Each answer takes `--wait` seconds. `GET /-/calls` gives how many
requests came. `--items` says how many nodes, or guests, there are, and so how many series.
"""

import argparse
import asyncio
import json
import ssl

import trustme

calls = 0


def elasticsearch(path: str, items: int) -> object:
    """The answer to a path of Elasticsearch's API; empty where the exporter needs none."""
    if path.startswith("/_cluster/health"):
        return {"cluster_name": "bench", "status": "green", "number_of_nodes": items}
    if path.startswith("/_nodes"):
        nodes = {
            f"node-{n}": {"name": f"n{n}", "host": f"h{n}", "roles": ["data"]} for n in range(items)
        }
        return {"cluster_name": "bench", "nodes": nodes}
    version = {"number": "8.11.0", "build_hash": "0", "build_date": "", "lucene_version": "9"}
    return {"name": "n0", "cluster_name": "bench", "cluster_uuid": "u", "version": version}


def proxmox(path: str, items: int) -> object:
    """The answer to a path of Proxmox VE's API."""
    guests = [
        {
            "id": f"qemu/{100 + n}",
            "type": "qemu",
            "node": "pve",
            "name": f"vm{n}",
            "vmid": 100 + n,
            "status": "running",
            **dict.fromkeys(("disk", "maxdisk", "mem", "maxmem", "uptime", "maxcpu"), 1),
            **dict.fromkeys(("netin", "netout", "diskread", "diskwrite", "cpu", "template"), 0),
        }
        for n in range(items)
    ]
    data: object = []
    if path.endswith("/version"):
        data = {"release": "8.2", "version": "8.2.4", "repoid": "0"}
    elif path.endswith("/cluster/status"):
        data = [
            {
                "type": "cluster",
                "id": "cluster",
                "name": "c",
                "nodes": 1,
                "quorate": 1,
                "version": 1,
            },
            {
                "type": "node",
                "id": "node/pve",
                "name": "pve",
                "online": 1,
                "ip": "127.0.0.1",
                "nodeid": 1,
                "local": 1,
                "level": "",
            },
        ]
    elif path.endswith("/cluster/resources"):
        data = guests
    elif path.endswith("/subscription"):
        data = {"status": "active", "level": "c", "nextduedate": "2030-01-01"}
    elif path.endswith("/config"):
        data = {"onboot": 1}
    return {"data": data}


async def serve(kind: str, wait: float, items: int) -> None:
    answer = elasticsearch if kind == "elasticsearch" else proxmox

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        global calls
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode()
                if path == "/-/calls":
                    body = str(calls)
                else:
                    calls += 1
                    await asyncio.sleep(wait)
                    body = json.dumps(answer(path, items))
                fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
                writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    context = None
    if kind == "proxmox":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    plain = await asyncio.start_server(talk, "127.0.0.1", 0)
    ports = [one.sockets[0].getsockname()[1] for one in (server, plain)]
    print(json.dumps({"port": ports[0], "calls_port": ports[1]}), flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=("elasticsearch", "proxmox"))
    parser.add_argument("--wait", type=float, default=0.05)
    parser.add_argument("--items", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(serve(options.kind, options.wait, options.items))


if __name__ == "__main__":
    main()
