# The tests that need a GPU, then six entries trained and evaluated.
. bench/speed/gpu/host.sh
python3 -m bench.speed.gpu.session 1 "$OUT"
