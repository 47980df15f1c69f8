# Sourced on the GPU host: the carried wheels and data, the commit, no preallocation by JAX.
: "${OUT:?set OUT to the folder that the results go to}"
SITE=$(mktemp -d)
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$SITE" .gpu/wheels/*.whl || exit 9
export PYTHONPATH=$SITE PYTHONUNBUFFERED=1 XLA_PYTHON_CLIENT_PREALLOCATE=false
export BENCH_DATA=$PWD/.gpu/data BENCH_COMMIT=$(cat .gpu/commit)
