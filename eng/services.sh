# shellcheck shell=bash
# Background programs of one script: free ports, bounded waiting, and an end for each of them. Sourced.

service_pids=()

# service_start LOGFILE COMMAND… ; the pid is in $service_pid.
service_start() {
    local log="$1"
    shift
    "$@" >"$log" 2>&1 </dev/null &
    service_pid=$!
    service_pids+=("$service_pid")
}

# service_stop PID… asks with SIGTERM, and insists after ten seconds.
service_stop() {
    local pid kept=() other
    kill -TERM "$@" 2>/dev/null || true
    for pid in "$@"; do
        local tries=100
        while kill -0 "$pid" 2>/dev/null && [ $((tries -= 1)) -gt 0 ]; do
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        for other in "${service_pids[@]}"; do
            [ "$other" = "$pid" ] || kept+=("$other")
        done
        service_pids=("${kept[@]}")
        kept=()
    done
    return 0
}

service_stop_all() {
    [ ${#service_pids[@]} = 0 ] || service_stop "${service_pids[@]}"
}

# free_port prints a port that nobody listens on, below the range that the kernel hands out by itself.
free_port() {
    local port hex
    while :; do
        port=$((10000 + RANDOM % 20000))
        hex=$(printf ':%04X ' "$port")
        grep -qsi -- "$hex" /proc/net/tcp /proc/net/tcp6 || break
    done
    echo "$port"
}

# wait_for SECONDS WHAT COMMAND… polls until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what="$2"
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "waited in vain for: $what" >&2
            return 1
        fi
        sleep 0.1
    done
}

port_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
