# Warnings are errors, in every preset (not in packages, whose compilers may be others); sanitizers by MILTER_SANITIZE.
add_compile_options(
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
    -Wold-style-cast -Wcast-qual -Wundef)
if(MILTER_WERROR)
    add_compile_options(-Werror)
endif()
if(MILTER_UNITY)
    # What a file has for itself is in sight of the others then.
    add_compile_options(-Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees an uninitialized value in every moved std::optional at -O2.
    add_compile_options(-Wduplicated-cond -Wlogical-op -Wno-maybe-uninitialized)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    add_compile_options(-fstack-protector-strong -fstack-clash-protection)
    add_compile_definitions(_FORTIFY_SOURCE=2)
    add_link_options(-Wl,-z,relro,-z,now)
    include(CheckPIESupported)
    check_pie_supported()
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
if(MILTER_SANITIZE)
    # Line numbers are what a report shows; a fifth of the compiler's time goes into the rest.
    add_compile_options(-g1 -fsanitize=${MILTER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${MILTER_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND MILTER_SANITIZE MATCHES "undefined")
        # clang 14 cannot assemble Asio's coroutine code with this check.
        add_compile_options(-fno-sanitize=function)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # Instrumented, Asio's frames are allocated inline and freed by a call; g++ 12 takes these for no pair.
        add_compile_options(-Wno-mismatched-new-delete)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND MILTER_SANITIZE MATCHES "thread")
        # Asio's fences are not seen by it. Its mutexes are, and whatever passes between our threads passes by those.
        add_compile_options(-Wno-tsan)
    endif()
endif()
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# milter_cheaply(TARGET): sanitized, a part that has no time to lose at run time is compiled without optimisation.
function(milter_cheaply target)
    if(MILTER_SANITIZE)
        target_compile_options(${target} PRIVATE -O0)
    endif()
endfunction()

# milter_often(TARGETS...): what tests run a million times is optimised a little in a debug build, too.
function(milter_often)
    if(NOT MILTER_SANITIZE)
        foreach(target ${ARGN})
            target_compile_options(${target} PRIVATE $<$<CONFIG:Debug>:-O1>)
        endforeach()
    endif()
endfunction()
