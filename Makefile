# make demo: from drawn faces to a trained Slim-Net, the same with half its MACs and for the Edge TPU, and a student that
# verifies people, also in 4 bits and in sparse int8; tables, pictures, .tflite and .tfslim files, in minutes on a CPU.
# make test: style, types and tests, save for the slowest, which are make test-slow. All make the environment in .venv first;
# PYTHON is the interpreter to make it with.
ifndef PYTHON
# The newest one that starts: a name on the path may be no more than a shim.
PYTHON := $(shell for name in python3.13 python3.12 python3.11; do $$name -c '' 2>/dev/null && echo $$name && break; done)
endif
# Which of the extras tensorflow, tensorflow-cpu and tensorflow-gpu: on Linux the build with CUDA's libraries where an
# NVIDIA GPU answers, and else the smaller CPU build on PCs.
ifndef TENSORFLOW
MACHINE := $(shell uname -sm | tr ' ' -)
TENSORFLOW := $(if $(filter Linux-x86_64,$(MACHINE)),tensorflow-cpu,tensorflow)
ifneq ($(filter Linux-%,$(MACHINE)),)
ifeq ($(shell nvidia-smi --list-gpus >/dev/null 2>&1 && echo yes),yes)
TENSORFLOW := tensorflow-gpu
endif
endif
endif
RUN := .venv/bin/python
# Prints the packages of the extra tfmot, those of ours aside.
TFMOT := $(RUN) -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*(x for x in p['optional-dependencies']['tfmot'] if not x.startswith(p['name'])))"
FACES := demo/faces
NET := demo/slimnet
# TensorFlow's threads of each of two programs side by side: with more of them than cores, they wait for each other.
HALF := $(shell expr \( $$(getconf _NPROCESSORS_ONLN) + 1 \) / 2)
# Which tests; all with TESTS= as in CI, where slow tests then share what the others have made.
TESTS ?= not slow

.PHONY: setup demo demo-faces demo-attributes demo-people test test-slow clean

setup: .venv/installed

# TF-MOT and tf-keras come last and alone: tf-keras asks for the package "tensorflow" by name, and pip would lay the GPU
# build of 573 MB over tensorflow-cpu, which is the same library. So `pip check` says that tf-keras lacks "tensorflow".
.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 was found: name one with PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade pip
	.venv/bin/pip install --quiet --editable ".[$(TENSORFLOW),programs,test]"
	.venv/bin/pip install --quiet --no-deps $$($(TFMOT))
	touch $@

# What its commands say comes out command by command, where this make can do that.
demo: setup
	@echo "Two halves are made side by side; what a step says appears when it is done."
	@TF_NUM_INTRAOP_THREADS=$(HALF) $(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=line) demo-attributes demo-people
	@ls -l demo/few-bits/*.tfslim demo/int8/*.tflite demo/int8/*.png demo/edgetpu/*.tflite demo/pruned/*.png demo/pruned/*.keras demo/student/verification/*.png demo/student/*.keras demo/student/*.tflite $(NET)/*.keras $(NET)/*.tflite $(NET)/evaluation-test/*.png $(NET)/predictions/*.png

demo-faces: setup
	rm -rf demo
	$(RUN) training/draw_faces.py $(FACES) --count 1800 --identities 60 --height 109 --width 89

demo-attributes: demo-faces
	$(RUN) training/train.py --config training/recipes/demo.yaml --data $(FACES) --out $(NET)
	$(RUN) training/evaluate.py $(NET) --data $(FACES)
	$(RUN) export/tflite.py $(NET) --data $(FACES) --part test
	$(RUN) training/predict.py $(NET)/model-int8.tflite $(FACES)/img_align_celeba/00000[1-3].jpg --out $(NET)/predictions
	$(RUN) training/prune.py --config training/recipes/demo-pruned.yaml --data $(FACES) --trained $(NET) --out demo/pruned
	$(RUN) export/tflite.py $(NET) --data $(FACES) --kinds '[int8]' --target edgetpu --out demo/edgetpu
	$(RUN) export/lint.py demo/edgetpu/model-int8.tflite
	$(RUN) export/benchmark.py $(NET)/model-*.tflite --picture demo/edgetpu/latency.png
	$(RUN) examples/label_photo.py $(NET)/model-int8.tflite $(FACES)/img_align_celeba/000001.jpg

demo-people: demo-faces
	$(RUN) training/train.py --config training/recipes/demo-teacher.yaml --data $(FACES) --out demo/teacher
	$(RUN) training/distill.py --config training/recipes/demo-student.yaml --data $(FACES) --teacher demo/teacher --out demo/student
	$(RUN) export/tflite.py demo/student --data $(FACES) --outputs embedding --kinds '[int8]'
	$(RUN) training/evaluate.py demo/teacher demo/student demo/student/embedding-int8.tflite --data $(FACES) --task verification --template 5 --out demo/student/verification
	$(RUN) training/quantize.py --config training/recipes/demo-few-bits.yaml --data $(FACES) --trained demo/student --out demo/few-bits
	$(RUN) training/quantize.py --config training/recipes/demo-sparse-int8.yaml --data $(FACES) --trained demo/student --out demo/int8

test: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "$(TESTS)"

test-slow: setup
	TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m slow

clean:
	rm -rf .venv demo build dist *.egg-info
