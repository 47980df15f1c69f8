#!/usr/bin/env bash
# Fills .gpu/ with what a GPU host without a network lacks: wheels, MNIST, the commit. In the project's root:
#   MNIST=FOLDER bash bench/speed/gpu/prepare.sh
set -e
: "${MNIST:?set MNIST to the folder that holds its four files}"
rm -rf .gpu
mkdir -p .gpu/wheels .gpu/data
cp -r "$MNIST" .gpu/data/mnist
git describe --always --abbrev=12 --dirty=+ --exclude='*' > .gpu/commit
python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d .gpu/wheels \
  hydra-core==1.3.8 omegaconf==2.3.1 beartype==0.23.1 zuko==1.6.0 torchode==1.0.1 torchtyping==0.1.5 typeguard==2.13.3 \
  pythae==0.1.2 pydantic==2.14.4 pydantic-core==2.50.5 annotated-types==0.8.0 typing-inspection==0.4.5
python3 -m pip wheel -q --no-deps -w .gpu/wheels antlr4-python3-runtime==4.9.3 nflows==0.14 normflows==1.7.3
du -sh .gpu results
