# Passes if SOURCE does not compile, and for the reason its first line gives: // expect: REGEX
#     cmake -D COMPILER=g++ -D STANDARD=20 -D FLAGS= -D INCLUDE=include -D SOURCE=x.cpp -P compile_fail.cmake
cmake_minimum_required(VERSION 3.25)

file(STRINGS ${SOURCE} first LIMIT_COUNT 1)
if(NOT first MATCHES "^// expect: (.+)$")
    message(FATAL_ERROR "the first line is not // expect: REGEX")
endif()
set(expected "${CMAKE_MATCH_1}")

# Warnings are errors, so that a [[nodiscard]] can be expected, too.
separate_arguments(flags UNIX_COMMAND "${FLAGS}")
set(ENV{LC_ALL} C)
execute_process(COMMAND ${COMPILER} -std=c++${STANDARD} -I ${INCLUDE} ${flags} -Wall -Wextra -Werror
                        -fsyntax-only ${SOURCE}
                RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT failed)
    message(FATAL_ERROR "compiles, but must not")
elseif(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "does not compile, but the diagnostics do not match ${expected}:\n${output}")
endif()
