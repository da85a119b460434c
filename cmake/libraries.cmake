# Everything from outside, all of it from Debian (tool/packages lists the package names).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.75 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(oniguruma REQUIRED IMPORTED_TARGET oniguruma)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)
# Enterprise Linux has no prometheus-cpp: -DMILTER_METRICS=OFF builds without metrics over HTTP.
option(MILTER_METRICS "Export metrics (metrics.connection_spec); needs prometheus-cpp" ON)
if(MILTER_METRICS)
    pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
endif()
# Sessions come and go by thousands: jemalloc is cheaper than the C library's allocator then, and gives memory back.
option(MILTER_JEMALLOC "Build milter-manager with jemalloc" ON)
if(MILTER_JEMALLOC AND NOT MILTER_SANITIZE) # a sanitizer has an allocator of its own
    pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
endif()

# milter_library(NAME sources... [USES targets...]): one folder of src/ as a static library milter_NAME.
function(milter_library name)
    cmake_parse_arguments(arg "" "" "USES" ${ARGN})
    add_library(milter_${name} STATIC ${arg_UNPARSED_ARGUMENTS})
    set_target_properties(milter_${name} PROPERTIES UNITY_BUILD ${MILTER_UNITY} UNITY_BUILD_BATCH_SIZE 12)
    target_include_directories(milter_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    # Headers from outside are "system": their warnings are theirs.
    target_link_libraries(milter_${name} PUBLIC ${arg_USES})
endfunction()
