"""What a real Prometheus has of gauges, by node_exporter's textfile collector.

usage: prometheus_reads.py PROMETHEUS NODE_EXPORTER GAUGES.prom DASHBOARD.json FOLDER

Starts both on free ports of the loopback, waits until Prometheus has scraped, and compares every sample of GAUGES.prom
with what its HTTP API answers; then asks every query of the dashboard, with $service as any. Prints "N samples, M queries"
where all is well, else what is not, and exits 1. Both servers are gone at the end; FOLDER has their data.
"""
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, expression):
    url = "http://127.0.0.1:%d/api/v1/query?%s" % (port, urllib.parse.urlencode({"query": expression}))
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]["result"]
    except OSError:
        return []


def unescaped(text):
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m.group(1), m.group(1)), text)


def samples(path):
    for line in open(path, encoding="utf-8"):
        found = re.match(r"(heapglass_\w+)\{(.*)\} (\S+)$", line)
        if found:
            labels = {name: unescaped(value) for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2))}
            yield found.group(1), labels, float(found.group(3))


def check(port, gauges, dashboard):
    wrong, count, queries = [], 0, 0
    had = {}
    for each in ask(port, '{__name__=~"heapglass_.*"}'):
        metric = each["metric"]
        own = {k: v for k, v in metric.items() if k not in ("__name__", "instance", "job")}
        had[metric["__name__"], tuple(sorted(own.items()))] = float(each["value"][1])
    for name, labels, value in samples(gauges):
        count += 1
        got = had.pop((name, tuple(sorted(labels.items()))), None)
        if got != value:
            wrong.append("%s %s: %r, written %r" % (name, labels, got, value))
    wrong += ["%s %s: nobody wrote it" % each for each in had]
    for panel in json.load(open(dashboard))["panels"]:
        for target in panel.get("targets", ()):
            queries += 1
            if not ask(port, target["expr"].replace("$service", ".*")):
                wrong.append("the dashboard's %s shows nothing: %s" % (panel["title"], target["expr"]))
    return wrong, count, queries


def main():
    prometheus, node_exporter, gauges, dashboard, folder = sys.argv[1:]
    ports = free_port(), free_port()
    config = os.path.join(folder, "prometheus.yml")
    with open(config, "w") as file:
        json.dump({"global": {"scrape_interval": "1s"},  # JSON is YAML
                   "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": ["127.0.0.1:%d" % ports[0]]}]}]}, file)
    log = open(os.path.join(folder, "servers.log"), "w")
    servers = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) for command in (
        [node_exporter, "--collector.disable-defaults", "--collector.textfile",
         "--collector.textfile.directory=" + os.path.dirname(gauges), "--web.listen-address=127.0.0.1:%d" % ports[0]],
        [prometheus, "--config.file=" + config, "--storage.tsdb.path=" + os.path.join(folder, "data"),
         "--web.listen-address=127.0.0.1:%d" % ports[1]])]
    try:
        until = time.monotonic() + 60
        while not ask(ports[1], "heapglass_objects"):
            if time.monotonic() > until or any(server.poll() is not None for server in servers):
                sys.exit("nothing was scraped: " + open(log.name).read()[-2000:])
            time.sleep(0.2)
        wrong, count, queries = check(ports[1], gauges, dashboard)
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(30)
    if wrong:
        sys.exit("\n".join(wrong))
    print("%d samples, %d queries" % (count, queries))


main()
