#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests examples/logstat against awk | sort | uniq, jq and its own promises.
#   tests/examples/logstat.sh build/examples/logstat
set -u
logstat=$(realpath "$1")
data=$(realpath "$(dirname "$0")/../../examples/data")
log=$data/access.log
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
    echo "FAILED: $1"
    failures=$((failures + 1))
}

# same NAME EXPECTED-FILE ACTUAL-FILE
same() {
    if cmp -s "$2" "$3"; then
        echo "ok: $1"
    else
        fail "$1"
        diff "$2" "$3" | head -n 10
    fi
}

# holds NAME COMMAND...
holds() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then echo "ok: $name"; else fail "$name: $*"; fi
}

# code NAME EXPECTED COMMAND...: leaves its output in ./out and ./err
code() {
    local name=$1 expected=$2 actual
    shift 2
    "$@" >out 2>err </dev/null
    actual=$?
    if [ "$actual" -eq "$expected" ]; then echo "ok: $name"; else
        fail "$name: exit code $actual, not $expected"
        head -n 5 err
    fi
}

# wait_until COMMAND...: at most two minutes
wait_until() {
    for _ in $(seq 1200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    return 1
}

frequency() { LC_ALL=C sort | LC_ALL=C uniq -c | LC_ALL=C sort -k1,1nr -k2; }
frequency_of() { awk '{print $1}' "$@" | frequency; }

# shows FILE...: ./live, what --every prints, has got as far as the hosts of these files
shows() { frequency_of "$@" >expected.live && tail -n $(($(wc -l <expected.live) + 1)) live | head -n -1 | cmp -s - expected.live; }

# ---- every field, byte for byte ----------------------------------------------------------------

well_formed='^[^ ]+ [^ ]+ [^ ]+ \[(0[1-9]|[12][0-9]|30|31)/(Jan|Mar|Apr)/[0-9]{4}:([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] [+-][0-9]{4}\] "([^"\\]|\\.)*" [0-9]{3} ([0-9]+|-) "([^"\\]|\\.)*" "([^"\\]|\\.)*"$'
LC_ALL=C grep -aE "$well_formed" "$log" >good.log
LC_ALL=C grep -avE "$well_formed" "$log" >bad.log
holds "the sample log has malformed lines" test -s bad.log
holds "and thousands that are well-formed" test "$(wc -l <good.log)" -gt 2000

# awk that knows escapes: \\ and \" become bytes that no log holds, and are put back.
quoted() { # quoted EXPRESSION, where q[n] is what `-F"` calls $n
    LC_ALL=C awk '{ gsub(/\\\\/, "\001"); gsub(/\\"/, "\002"); split($0, q, "\""); split(q[2], request, " ")
        split(q[3], result, " "); value = '"$1"'; gsub("\002", "\\\"", value); gsub("\001", "\\\\", value); print value }' "$2"
}

compare_field() { # compare_field FIELD COMMAND-THAT-PRINTS-IT...
    local field=$1
    shift
    "$@" good.log | frequency >expected
    "$logstat" --by "$field" good.log >actual 2>err
    same "--by $field" expected actual
    holds "--by $field says nothing on standard error" test ! -s err
    head -n 10 expected >expected.10
    "$logstat" --by "$field" --top 10 good.log >actual
    same "--by $field --top 10" expected.10 actual
    # awk counts malformed lines, too. Those of the sample log hold nothing that gets among the first ten.
    "$@" "$log" | frequency | head -n 10 >expected.10
    "$logstat" --by "$field" --top 10 "$log" >actual 2>err
    same "--by $field --top 10, malformed lines and all" expected.10 actual
}

quoted_field() { quoted "$1" "$2"; }
compare_field host awk '{print $1}'
compare_field user awk '{print $3}'
compare_field hour awk '{print substr($4, 2, 14)}'
compare_field method quoted_field 'request[1]'
compare_field path quoted_field 'request[2]'
compare_field status quoted_field 'result[1]'
compare_field bytes quoted_field 'result[2]'
compare_field referer quoted_field 'q[4]'
compare_field agent quoted_field 'q[6]'
compare_field host,status quoted_field '$1 " " result[1]'
compare_field method,path,status quoted_field 'request[1] " " request[2] " " result[1]'

quoted 'request[3]' good.log | frequency >expected
"$logstat" --by protocol good.log >actual
same "--by protocol" expected actual

# The plain forms that --help shows, on lines without escapes and with a whole request.
LC_ALL=C grep -avE '\\|"-" 4' good.log >plain.log
for pair in 'method={print substr($6, 2)}' 'path={print $7}' 'status={print $9}' 'bytes={print $10}'; do
    awk "${pair#*=}" plain.log | frequency >expected
    "$logstat" --by "${pair%%=*}" plain.log >actual
    same "--by ${pair%%=*} is awk '${pair#*=}'" expected actual
done
for pair in referer=4 agent=6; do
    awk -F'"' "{print \$${pair#*=}}" plain.log | frequency >expected
    "$logstat" --by "${pair%%=*}" plain.log >actual
    same "--by ${pair%%=*} is awk -F'\"' '{print \$${pair#*=}}'" expected actual
done

# ---- malformed lines -----------------------------------------------------------------------------

bad=$(wc -l <bad.log)
first=$(grep -anvE "$well_formed" "$log" | head -n 1 | cut -d: -f1)
code "malformed lines are not fatal" 0 "$logstat" --by host "$log"
holds "they are counted: $bad" grep -q "$bad of $(wc -l <"$log") lines malformed" err
holds "and the first is named: line $first" grep -q "the first is line $first:" err
code "nothing but malformed lines" 0 "$logstat" --by host bad.log
holds "gives an empty answer" test ! -s out
holds "and says so" grep -q "$bad of $bad lines malformed" err
code "the report tells them, too" 0 "$logstat" "$log"
holds "in its first line" grep -q "$bad malformed" out
cat >wrong.log <<'END'
192.0.2.1 - - [31/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 200 1 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:61:00 +0100] "GET / HTTP/1.1" 200 1 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00] "GET / HTTP/1.1" 200 1 "-" "-"
192.0.2.1 - - 28/Feb/2024:10:00:00 +0100 "GET / HTTP/1.1" 200 1 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] GET / HTTP/1.1 200 1 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" OK 1 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 2000 1 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 200 many "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 200 -1 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 200 99999999999999999999999 "-" "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 200 1 "-"
192.0.2.1 - - [28/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 200 1 "-" "never closed \"
192.0.2.1 - - [29/Feb/2024:10:00:00 +0100] "GET / HTTP/1.1" 200 1 "-" "this one is well-formed \"
END
sed -i '$ s/\\"$/"/' wrong.log
code "lines that are nearly right" 0 "$logstat" --by host wrong.log
holds "are malformed" grep -q '14 of 15 lines malformed' err
holds "all but one" grep -qx '      1 192.0.2.1' out
head -c 3000000 /dev/zero | tr '\0' 'x' >long.log
cat good.log >>long.log
code "a line of 3 MB without end is malformed" 0 "$logstat" --by host long.log
holds "and reported as too long" grep -q '1 of .* lines malformed.*longer than 1 MiB' err
LC_ALL=C awk 'BEGIN { srand(7); for (i = 0; i < 100000; ++i) printf "%c", int(rand() * 256) }' >noise.log
code "noise does not crash it" 0 "$logstat" --format log --by host noise.log
code "nor its report" 0 "$logstat" --format log noise.log
code "nor the report of what it takes it for" 0 "$logstat" noise.log
code "an empty file" 0 "$logstat" --by host /dev/null
holds "counts nothing" test ! -s out

# ---- inputs --------------------------------------------------------------------------------------

awk '{print $1}' good.log | frequency >expected
"$logstat" --by host <good.log >actual
same "standard input, a file" expected actual
cat good.log | "$logstat" --by host - >actual
same "standard input, a pipe" expected actual
{ head -c 1000 good.log; sleep 0.3; tail -c +1001 good.log; } | "$logstat" --by host >actual
same "a pipe that stops in the middle of a line" expected actual
head -c -1 good.log | "$logstat" --by host >actual
same "the last line without a newline" expected actual
sed 's/$/\r/' good.log | "$logstat" --by host >actual
same "lines that end in CR LF" expected actual
mkfifo fifo
cat good.log >fifo &
writer=$!
"$logstat" --by host fifo >actual
same "a FIFO" expected actual
kill "$writer" 2>/dev/null
wait "$writer" 2>/dev/null
head -n 1000 good.log >part1.log
tail -n +1001 good.log | head -n 900 >part2.log
tail -n +1901 good.log >part3.log
"$logstat" --by host part1.log part2.log part3.log >actual
same "several files" expected actual
cut -d' ' -f1-10 good.log | LC_ALL=C grep -aE ' ([0-9]+|-)$' >common.log
awk '{print $1}' common.log | frequency >expected
"$logstat" --by host common.log >actual
same "the Common Log Format" expected actual

# ---- errors --------------------------------------------------------------------------------------

code "a missing file" 1 "$logstat" --by host missing.log
holds "is named" grep -q 'missing.log: No such file' err
holds "and nothing else is printed" test ! -s out
code "a directory" 1 "$logstat" --by host .
holds "is not a log" grep -qi 'directory' err
if [ "$(id -u)" -ne 0 ]; then
    touch secret.log && chmod 000 secret.log
    code "an unreadable file" 1 "$logstat" --by host secret.log
    holds "is refused with the reason" grep -q 'secret.log: Permission denied' err
fi
code "one of several is missing" 1 "$logstat" --by host missing.log good.log
awk '{print $1}' good.log | frequency >expected
same "the others are counted" expected out
code "an unknown field" 1 "$logstat" --by hots good.log
holds "is answered with those there are" grep -q "no field 'hots'.*host, user" err
code "an empty field" 2 "$logstat" --by host,,user good.log
code "an unknown option" 2 "$logstat" --bye good.log
code "a number that is none" 2 "$logstat" --top ten good.log
code "--help" 0 "$logstat" --help
holds "shows the awk programs" grep -q "print \$1" out
if [ -e /dev/full ]; then
    "$logstat" --by host good.log >/dev/full 2>err
    holds "a full disk is an error" test $? -eq 1
    holds "which is told" grep -q 'No space left' err
fi

set -o pipefail
for arguments in "--by path" ""; do
    # shellcheck disable=SC2086
    for _ in 1 2 3 4 5; do "$logstat" $arguments good.log good.log 2>>err.pipe | head -n 1 >/dev/null || fail "| head -1"; done
done
awk 'BEGIN { for (i = 0; i < 200000; ++i) print "192.0.2.1 - - [11/Mar/2024:00:00:00 +0000] \"GET /" i " HTTP/1.1\" 200 1" }' >wide.log
awk '{print $7}' wide.log | frequency >expected
"$logstat" --by path wide.log >actual
same "200000 different keys" expected actual
"$logstat" --by path wide.log 2>>err.pipe | head -n 1 >actual || fail "| head -1 of a long answer"
set +o pipefail
holds "| head -1 is silent" test ! -s err.pipe
holds "and has its line" grep -q '^      1 /0$' actual

# ---- Ctrl-C ----------------------------------------------------------------------------------------

{
    cat good.log
    sleep 600 &
    echo $! >sleeper
    wait
} | {
    "$logstat" --every 0.1 --by host >live 2>err &
    echo $! >pid
    wait $!
    echo $? >status
} &
holds "it reads a pipe that does not end" wait_until test -s pid -a -s sleeper
holds "and counts what comes" wait_until shows good.log
kill -INT "$(cat pid)"
wait_until test -s status
kill "$(cat sleeper)" 2>/dev/null
wait
frequency_of good.log >expected
tail -n "$(wc -l <expected)" live >actual
same "Ctrl-C prints what was counted" expected actual
holds "says so" grep -q 'interrupted' err
holds "and ends with 130" test "$(cat status)" -eq 130

# ---- gzip ----------------------------------------------------------------------------------------

awk '{print $1}' good.log | frequency >expected
gzip -c good.log >good.log.gz
cp good.log.gz packed
"$logstat" --by host good.log.gz >actual 2>err
same "a compressed file, by its name" expected actual
holds "says nothing on standard error" test ! -s err
"$logstat" --by host packed >actual
same "a compressed file, by its first bytes" expected actual
"$logstat" --by host <packed >actual
same "compressed standard input, a file" expected actual
cat packed | "$logstat" --by host >actual
same "compressed standard input, a pipe" expected actual
{ head -c 1 packed; sleep 0.3; tail -c +2 packed; } | "$logstat" --by host >actual
same "a pipe whose first byte comes alone" expected actual
{ head -n 1000 good.log | gzip; tail -n +1001 good.log | gzip; } >members.gz
"$logstat" --by host members.gz >actual
same "several members" expected actual
"$logstat" --by host part1.log <(tail -n +1001 good.log | gzip) >actual
same "a compressed and a plain one" expected actual
timeout 120 "$logstat" --follow --by host good.log.gz >actual
same "--follow ends with a compressed file" expected actual
gzip -c "$data/orders.csv" >orders.csv.gz
"$logstat" --by country "$data/orders.csv" >expected 2>/dev/null
"$logstat" --by country orders.csv.gz >actual 2>/dev/null
same "a compressed CSV file" expected actual

head -c 20000 good.log.gz >cut.log.gz
code "a compressed file that is cut off" 1 "$logstat" --by host cut.log.gz
holds "is named, with the reason" grep -q 'cut.log.gz: unexpected end of file' err
holds "after what could be read" test -s out
{ head -c 20000 good.log.gz; printf 'damaged'; tail -c +20008 good.log.gz; } >damaged.gz
code "a damaged one" 1 "$logstat" --by host damaged.gz
holds "is named, too" grep -q 'cannot decompress damaged.gz: ' err
{ cat good.log.gz; echo garbage; } >trailing.gz
code "one with something behind it" 1 "$logstat" --by host trailing.gz
holds "is named" grep -q 'trailing.gz: .*trailing garbage' err
cp good.log misnamed.gz
code "one that is none" 1 "$logstat" --by host misnamed.gz
holds "is named" grep -q 'misnamed.gz: not in gzip format' err
: >nothing.gz
code "an empty one" 1 "$logstat" --by host nothing.gz
holds "is named" grep -q 'nothing.gz: unexpected end of file' err
code "one of several is damaged" 1 "$logstat" --by host misnamed.gz good.log
awk '{print $1}' good.log | frequency >expected
same "the others are counted" expected out
code "no gzip" 1 env PATH=/nowhere "$logstat" --by host good.log.gz
holds "is told" grep -q 'good.log.gz: starting gzip: No such file' err

# Stand-ins for gzip: they show what becomes of a process that does not end by itself.
mkdir fails hangs
printf '#!/bin/sh\nkill -9 $$\n' >fails/gzip
printf '#!/bin/sh\necho $$ >>"%s/pids"\ncat "${CONTENT-%s/good.log}"\nexec sleep 600\n' "$work" "$work" >hangs/gzip
chmod +x fails/gzip hangs/gzip
code "a gzip that crashes" 1 env PATH="$work/fails:$PATH" "$logstat" --by host good.log.gz
holds "is told" grep -q 'good.log.gz: gzip was ended by signal 9' err
none_left() { # the processes of ./pids have ended
    local pid
    test -s pids && while read -r pid; do kill -0 "$pid" 2>/dev/null && return 1; done <pids
    return 0
}
code "a column that is not there" 1 env PATH="$work/hangs:$PATH" CONTENT="$data/orders.csv" \
    timeout 120 "$logstat" --by city orders.csv.gz
holds "is told" grep -q "orders.csv.gz: no column 'city'" err
holds "leaves no gzip behind" none_left
PATH="$work/hangs:$PATH" timeout 120 "$logstat" --every 0.1 --by host good.log.gz 2>err | head -n 1 >actual
holds "| head -1 leaves no gzip behind" none_left
holds "and is silent" test ! -s err
rm pids
PATH="$work/hangs:$PATH" "$logstat" --every 0.1 --by host good.log.gz >live 2>err &
pid=$!
holds "gzip runs" wait_until test -s pids
holds "and what it says is counted" wait_until shows good.log
kill -INT "$pid"
wait "$pid"
holds "Ctrl-C in the middle ends with 130" test $? -eq 130
holds "and leaves no gzip behind" none_left
tail -n "$(wc -l <expected)" live >actual
same "and prints what was counted" expected actual

# ---- threads -------------------------------------------------------------------------------------

for _ in $(seq 8); do cat "$log"; done >many.log
head -c 1500000 /dev/zero | tr '\0' x >>many.log
echo >>many.log
cat "$log" >>many.log
for _ in $(seq 300); do cat "$data/events.ndjson"; done >many.ndjson
head -n 1 "$data/orders.csv" >many.csv
for _ in $(seq 300); do tail -n +2 "$data/orders.csv"; done >>many.csv
for input in many.log many.ndjson many.csv; do
    case $input in
    *.log) fields="host user method path status bytes referer agent hour protocol method,path,status" ;;
    *.ndjson) fields="service tags http.status" ;;
    *) fields="country item,note" ;;
    esac
    for by in "" $fields; do
        "$logstat" --jobs 1 ${by:+--by "$by"} $input >expected 2>expected.err
        "$logstat" --jobs 7 ${by:+--by "$by"} $input >actual 2>actual.err
        same "$input ${by:-report}: 7 threads answer as one does" expected actual
        same "and complain as one does" expected.err actual.err
    done
done
awk '{print $1}' good.log | frequency | awk '{printf "%7d %s\n", $1 * 9, $2}' | LC_ALL=C sort -k1,1nr -k2 >expected
"$logstat" --jobs 7 --by host --top 10 many.log 2>err >actual
same "and as awk does" <(head -n 10 expected) actual
holds "a line of 1.5 MB is malformed" grep -q "$((9 * bad + 1)) of $(wc -l <many.log) lines" err

numbers() { LC_ALL=C grep -anvE "$well_formed" "$1" | cut -d: -f1 | sed "s/^/$1:/"; }
{ numbers many.log; numbers bad.log; } >expected
for jobs in 1 2 7; do
    "$logstat" --jobs $jobs --ordered --malformed --by host many.log bad.log 2>&1 >/dev/null | grep -v '^logstat:' | cut -d: -f1,2 >actual
    same "--jobs $jobs --ordered --malformed tells them in order" expected actual
    "$logstat" --jobs $jobs --malformed --by host many.log bad.log 2>&1 >/dev/null | grep -v '^logstat:' | cut -d: -f1,2 | sort >actual
    same "--jobs $jobs --malformed tells the same" <(sort expected) actual
done
code "no threads" 2 "$logstat" --jobs 0 good.log
code "a number of threads that is none" 2 "$logstat" --jobs many good.log

# ---- --follow --------------------------------------------------------------------------------------

cp part1.log grown.log
"$logstat" --follow --every 0.1 --by host grown.log >live 2>err &
pid=$!
holds "--follow counts what is there" wait_until shows part1.log
cat part2.log >>grown.log
holds "and what is appended" wait_until shows part1.log part2.log
mv grown.log grown.log.1
head -n 500 part3.log >grown.log
holds "a rotated log is read on" wait_until shows part1.log part2.log grown.log
cp grown.log rotated.log
tail -n +501 part3.log | head -n 10 >grown.log
holds "a truncated one is, too" wait_until shows part1.log part2.log rotated.log grown.log
kill -INT "$pid"
wait "$pid"
holds "Ctrl-C ends it with 130" test $? -eq 130
frequency_of part1.log part2.log rotated.log grown.log >expected
tail -n "$(wc -l <expected)" live >actual
same "and with the answer" expected actual

# ---- CSV and NDJSON ----------------------------------------------------------------------------------

"$logstat" --by country "$data/orders.csv" >actual 2>err
printf '%7d %s\n' 5 DE 3 FR 2 JP 2 PT 1 BR 1 IN >expected
same "a CSV column" expected actual
holds "malformed records are reported" grep -q '2 of 18 lines malformed' err
"$logstat" --by item,note "$data/orders.csv" 2>/dev/null >actual
printf '%7d %s\n' 2 'Bobbin ' 2 'Needle "no. 4" ' 2 'Ribbon, silk ' 2 'Ribbon, silk gift' 2 'Shuttle ' 1 'Heddle bar ' \
    1 'Heddle bar says "urgent"' 1 'Ribbon, silk call first,\nthen deliver' 1 'Shuttle gift' >expected
same "quotes, separators and newlines in fields" expected actual
printf 'a;b\r\n1;x\r\n1;y\r\n' | "$logstat" --by a >actual
printf '%7d %s\n' 2 1 >expected
same "semicolons and CR LF" expected actual
printf '\xef\xbb\xbfname,n\nx,1\n' | "$logstat" --by name >actual
printf '%7d %s\n' 1 x >expected
same "a byte order mark" expected actual
code "an unknown column" 1 "$logstat" --by city "$data/orders.csv"
holds "is answered with those there are" grep -q "no column 'city'.*order, placed, country" err
printf 'a,b\n1,"never closed\n2,3\n' >open.csv
code "a quote that is never closed" 0 "$logstat" --by a open.csv
holds "is malformed" grep -q 'a quoted field does not end' err

"$logstat" --by service "$data/events.ndjson" >actual 2>err
printf '%7d %s\n' 5 gateway 3 search 2 billing 1 café >expected
same "an NDJSON key" expected actual
holds "malformed lines are reported" grep -q '2 of 14 lines malformed' err
if command -v jq >/dev/null; then
    sed -e 10d -e 12d "$data/events.ndjson" >good.ndjson
    for key in time level service ms cached http http.status tags message; do
        jq -rc ".$key | if type == \"string\" then gsub(\"\n\"; \"\\\\n\") else . end" good.ndjson | frequency >expected
        "$logstat" --by "$key" good.ndjson >actual
        same "--by $key is jq -rc .$key" expected actual
    done
else
    echo "skipped: no jq"
fi
"$logstat" --format ndjson --by service - <"$data/events.ndjson" 2>/dev/null | cmp -s - <("$logstat" --by service "$data/events.ndjson" 2>/dev/null) || fail "--format"
for sample in orders.csv events.ndjson access.log; do
    code "a report of $sample" 0 "$logstat" "$data/$sample"
    holds "is not empty" test -s out
done

# ---- memory -----------------------------------------------------------------------------------------

peak_kb() { # peak_kb COMMAND...: VmHWM, read while it waits for the end of its input
    { for _ in $(seq "$1"); do cat good.log; done; touch fed; wait_until test -e measured; } | {
        "$logstat" --by host >actual 2>err &
        local pid=$!
        wait_until test -e fed
        sleep 1
        awk '/VmHWM/ {print $2}' "/proc/$pid/status"
        touch measured
        wait "$pid"
    }
    rm -f fed measured
}
if [ -r /proc/self/status ]; then
    # Under AddressSanitizer freed memory lingers; a small quarantine shows what is in use.
    export ASAN_OPTIONS="${ASAN_OPTIONS-}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    small=$(peak_kb 20)
    large=$(peak_kb 200)
    echo "peak memory: $small KiB for 20 copies of the log, $large KiB for 200"
    holds "memory is flat" test "$large" -lt $((small + 16384))
    awk '{print $1}' good.log | frequency | awk '{printf "%7d %s\n", $1 * 200, $2}' >expected
    same "and 200 copies count 200 times" expected actual
else
    echo "skipped: no /proc"
fi
for _ in $(seq 40); do cat good.log; done >big.log
"$logstat" --progress --by host big.log >actual 2>err
awk '{print $1}' big.log | frequency >expected
same "--progress does not disturb the answer" expected actual

echo
if [ "$failures" -eq 0 ]; then echo "all passed"; else echo "$failures failed"; fi
exit "$((failures != 0))"
