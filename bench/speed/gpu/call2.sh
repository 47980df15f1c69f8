# The ladder on a plane (Triton kernels and CUDA graphs), packs, compiled steps.
. bench/speed/gpu/host.sh
python3 -m bench.speed.gpu.session 2 "$OUT"
