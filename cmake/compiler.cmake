# Warnings are errors, in every preset; sanitizers by MILTER_SANITIZE.
add_compile_options(
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
    -Wold-style-cast -Wcast-qual -Wundef -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees an uninitialized value in every moved std::optional at -O2.
    add_compile_options(-Wduplicated-cond -Wlogical-op -Wno-maybe-uninitialized)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    add_compile_options(-fstack-protector-strong)
    add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(MILTER_SANITIZE)
    add_compile_options(-fsanitize=${MILTER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${MILTER_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND MILTER_SANITIZE MATCHES "undefined")
        # clang 14 cannot assemble Asio's coroutine code with this check.
        add_compile_options(-fno-sanitize=function)
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
