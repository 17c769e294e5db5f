#include "lib/report/cron_help.h"

namespace heapglass {

std::string cron_help() {
  return R"help(Snapshots every hour, and a word when memory grows. shop/app.py stands for the service: its first process by
`pgrep -o -f`. Whoever runs this may trace the service: the same user, or root.

crontab (`crontab -e`): a snapshot every hour, two days of them kept; every morning what became more since the
oldest of them. cron sends a mail only where something is printed, which is where the threshold is exceeded. It looks
for programs in few places: PATH has to have the one where heapglass is.

    PATH=/usr/local/bin:/usr/bin:/bin
    0 * * * * heapglass snapshot "$(pgrep -o -f shop/app.py)" -o '/var/lib/heapglass/shop-\%Y\%m\%dT\%H\%M\%S-\%p.hg' --keep 48
    5 7 * * * cd /var/lib/heapglass && heapglass diff $(ls shop-*.hg | sed -n '1p;$p') --fail-if 'growth(bytes) > 20\%' -o growth.txt 2>exceeded.txt || cat exceeded.txt growth.txt

The same told to Prometheus, by the textfile collector of node_exporter, every five minutes:

    */5 * * * * heapglass watch "$(pgrep -o -f shop/app.py)" --interval 1s --duration 1s --service shop --openmetrics /var/lib/prometheus/node-exporter/shop.prom >/dev/null

systemd: /etc/systemd/system/heapglass-shop.service and heapglass-shop.timer, then
`systemctl enable --now heapglass-shop.timer`. A percent sign is written twice there, and so is a dollar.

    [Unit]
    Description=Snapshot of the heap of shop

    [Service]
    Type=oneshot
    ExecStart=/bin/sh -c 'exec heapglass snapshot "$$(pgrep -o -f shop/app.py)" -o /var/lib/heapglass/shop-%%Y%%m%%dT%%H%%M%%S-%%p.hg --keep 48'
    UMask=0077
    Nice=10

    [Unit]
    Description=Snapshots of the heap of shop, every hour

    [Timer]
    OnCalendar=hourly
    RandomizedDelaySec=60
    Persistent=true

    [Install]
    WantedBy=timers.target

Kubernetes: one pod on the service's node sees its processes with hostPID, and may trace them with SYS_PTRACE.

    apiVersion: batch/v1
    kind: CronJob
    metadata:
      name: heapglass-shop
    spec:
      schedule: "0 * * * *"
      concurrencyPolicy: Forbid
      jobTemplate:
        spec:
          template:
            spec:
              hostPID: true
              restartPolicy: Never
              nodeSelector:
                kubernetes.io/hostname: node-of-the-shop
              containers:
                - name: heapglass
                  image: registry.example/heapglass:latest
                  command: ["/bin/sh", "-c"]
                  args: ['exec heapglass snapshot "$(pgrep -o -f shop/app.py)" -o /snapshots/shop-%Y%m%dT%H%M%S-%p.hg --keep 48']
                  securityContext:
                    capabilities:
                      add: ["SYS_PTRACE"]
                  volumeMounts:
                    - name: snapshots
                      mountPath: /snapshots
              volumes:
                - name: snapshots
                  hostPath:
                    path: /var/lib/heapglass
                    type: DirectoryOrCreate
)help";
}

}  // namespace heapglass
