# Aliases only; the build is CMake's (see docs/HACKING.md).
.PHONY: all check dev asan tsan clang fuzz release tidy format bench clean
all: release
dev asan tsan clang fuzz release:
	cmake --preset $@ && cmake --build --preset $@
check:
	./check
tidy:
	tool/tidy
format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 -i
bench:
	cmake --preset release && cmake --build --preset release --target bench
clean:
	rm -rf build
