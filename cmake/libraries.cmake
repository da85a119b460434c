# Everything from outside, all of it from Debian (tool/packages lists the package names).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(oniguruma REQUIRED IMPORTED_TARGET oniguruma)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)
find_package(GTest REQUIRED)

# milter_library(NAME sources... [USES targets...]): one folder of src/ as a static library milter_NAME.
function(milter_library name)
    cmake_parse_arguments(arg "" "" "USES" ${ARGN})
    add_library(milter_${name} STATIC ${arg_UNPARSED_ARGUMENTS})
    target_include_directories(milter_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    # Headers from outside are "system": their warnings are theirs.
    target_link_libraries(milter_${name} PUBLIC ${arg_USES})
endfunction()
