# Shared by ./check and ./quickstart: phases with progress, build folders, jobs. Source it with $root set.
log_folder=$root/build/log
phase_number=0
phase_count=0

say() { printf '%s\n' "$*"; }

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# As many jobs as cores, but 2 GB of memory each: a compiler that swaps is no gain.
jobs_to_run() {
    local cores by_memory
    cores=$(nproc)
    by_memory=$(awk '/^MemAvailable/ { print int($2 / 2000000) }' /proc/meminfo)
    if ((by_memory < cores)); then cores=$by_memory; fi
    echo $((cores < 1 ? 1 : cores))
}

# Paints the build's own "[12/80]" and the time behind the phase's line, on a terminal only.
paint_progress() {
    local started=$1 log=$2 line=$3
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        printf '\r%s %s %s  ' "$line" "$(clock $((SECONDS - started)))" \
            "$(tail -c 4000 "$log" 2>/dev/null | grep -oE '^ *\[? *[0-9]+/[0-9]+\]?' | tail -n 1 | tr -d ' []')"
    done
}

# phase NAME COMMAND...: runs it, with its output in build/log/NAME.log; shows the end of that only when it fails.
phase() {
    local name=$1 status=0 started=$SECONDS painter="" line log
    shift
    phase_number=$((phase_number + 1))
    line="[$phase_number/$phase_count] ${name//-/ } ..."
    log=$log_folder/$name.log
    mkdir -p "$log_folder"
    : >"$log"
    printf '%s' "$line"
    if [[ -t 1 ]]; then
        paint_progress "$started" "$log" "$line" &
        painter=$!
    fi
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [[ -n $painter ]]; then
        kill "$painter" 2>/dev/null
        wait "$painter" 2>/dev/null
        printf '\r\033[K%s' "$line"
    fi
    printf ' %s%s\n' "$(clock $((SECONDS - started)))" "$([[ $status -eq 0 ]] || echo " FAILED (status $status)")"
    if [[ $status -ne 0 ]]; then
        say "---- the end of build/log/$name.log:"
        tail -n 80 "$log"
        say "----"
    fi
    return "$status"
}

# build PRESET [TARGET...]: configures and builds build/PRESET.
build() {
    local preset=$1
    shift
    cmake --preset "$preset" &&
        cmake --build "build/$preset" --parallel "$(jobs_to_run)" ${@:+--target "$@"}
}
