# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The servers that part `live` compares, each on one core, as context managers."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import native, peers, process, servers
from bench.city import HANDLE, City
from bench.readers import Stream
from tests.waiting import wait_until

NGINX = """
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /pub {{ nchan_publisher; nchan_channel_id bench; }}
    location /sub {{ nchan_subscriber eventsource; nchan_channel_id bench; }}
  }}
}}
"""

# Start it with its own settings except for ports, folders, and the rate limit on messages.
PUSHPIN = """
[global]
include={{libdir}}/internal.conf
rundir={folder}
ipc_prefix=bench-
port_offset=0
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port={port}
logdir={folder}
log_level=0
client_buffer_size=8192
client_maxconn=20000
[proxy]
routesfile={folder}/routes
updates_check=off
[handler]
push_in_spec=ipc://{folder}/push
push_in_sub_specs=ipc://{folder}/sub
push_in_http_addr=127.0.0.1
push_in_http_port={publish_port}
stats_spec=ipc://{folder}/stats
command_spec=ipc://{folder}/command
message_rate=10000000
message_hwm=10000000
message_wait=5000
id_cache_ttl=60
connection_subscription_max=20
"""


@contextlib.contextmanager
def floor() -> Iterator[Stream]:
    command = process.on_core(process.SERVER_CORE, [native.built("write_loop")])
    running = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert running.stdout is not None
        port = int(running.stdout.readline())
        head, tail = '{"post":1,"pad":"', '"}'
        around = 'event: post\nid: 100\ndata: {"post":1,"pad":""}\n\n'
        yield Stream([running.pid], port, "/", port, "/", head, tail, len(around))
    finally:
        process.end(running)


def canale(city: City) -> Callable[[], contextlib.AbstractContextManager[Stream]]:
    """Start the real server; a process beside it commits what it streams."""

    @contextlib.contextmanager
    def start() -> Iterator[Stream]:
        with city.serving(), city.publisher() as publisher:
            yield of_city(city, publisher.port)

    return start


def of_city(city: City, publish_port: int = 0) -> Stream:
    around = len('event: post\nid: 1000\ndata: {"post":1,"pad":""}\n\n')
    path = f"/live/{HANDLE}"
    return Stream(
        city.pids,
        city.site.port,
        path,
        publish_port,
        "/line",
        overhead=around,
        aside=city.site.workers(),
    )


@contextlib.contextmanager
def nchan() -> Iterator[Stream]:
    peers.debian("nginx", "libnginx-mod-nchan")
    with tempfile.TemporaryDirectory(prefix="canale-bench-") as folder:
        port = servers.free_port()
        # Its worker runs as another user and needs access to the folder.
        Path(folder).chmod(0o755)
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(NGINX.format(folder=folder, port=port))
        around = len("id: 1700000000:0\ndata: \n\n")
        with servers.running(["nginx", "-p", folder, "-c", str(configuration)], port) as pid:
            # The port is open before the worker is ready.
            wait_until(lambda: len(process.family(pid)) > 1)
            yield Stream(process.family(pid), port, "/sub", port, "/pub", overhead=around)


@contextlib.contextmanager
def pushpin() -> Iterator[Stream]:
    peers.debian("pushpin")
    with tempfile.TemporaryDirectory(prefix="canale-bench-") as folder:
        port, publish_port = servers.free_port(), servers.free_port()
        configuration = Path(folder, "pushpin.conf")
        configuration.write_text(
            PUSHPIN.format(folder=folder, port=port, publish_port=publish_port)
        )
        # Its built-in origin holds /stream open and subscribes it to the channel `test`.
        Path(folder, "routes").write_text("* test\n")
        command = ["pushpin", f"--config={configuration}"]
        # JSON in JSON: the event's line breaks are escaped as \n.
        head = (
            '{"items":[{"channel":"test","formats":{"http-stream":{"content":'
            '"event: post\\nid: 1000\\ndata: {\\"post\\":1,\\"pad\\":\\"'
        )
        tail = '\\"}\\n\\n"}}}]}'
        around = len('event: post\nid: 1000\ndata: {"post":1,"pad":""}\n\n')
        with servers.running(command, port) as pid:
            servers.wait_for(publish_port)
            # Its processes connect to each other a moment after its ports are open.
            time.sleep(1.5)
            yield Stream(
                process.family(pid), port, "/stream", publish_port, "/publish/", head, tail, around
            )
