# The ladder on digits, then three entries with three seeds packed, and their report.
. bench/speed/gpu/host.sh
python3 -m bench.speed.gpu.session 3 "$OUT"
