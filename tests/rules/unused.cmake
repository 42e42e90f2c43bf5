# What includes weft and uses nothing of it gets no code: no coroutine and no table of virtual
# functions, which compilers are apt to make in every file that sees them.
#     cmake -D COMPILER=g++ -D STANDARD=20 -D NM=nm -D ROOT=. -D WORK=build -P unused.cmake
cmake_minimum_required(VERSION 3.25)
get_filename_component(ROOT ${ROOT} ABSOLUTE)

file(GLOB_RECURSE headers RELATIVE ${ROOT}/include ${ROOT}/include/*.hpp)
# Who includes what is for tests uses it; TLS needs a library.
list(FILTER headers EXCLUDE REGEX "/testing/|/net/tls_")
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n")
file(WRITE ${WORK}/unused.cpp ${headers})
execute_process(COMMAND ${COMPILER} -std=c++${STANDARD} -I ${ROOT}/include -O0 -c ${WORK}/unused.cpp
                        -o ${WORK}/unused.o
                RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(failed)
    message(FATAL_ERROR "does not compile:\n${output}")
endif()
execute_process(COMMAND ${NM} -C --defined-only ${WORK}/unused.o OUTPUT_VARIABLE symbols
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]* [tTwWV] [^\n]*weft::[^\n]*" code "${symbols}")
list(LENGTH code count)
if(count)
    list(SUBLIST code 0 10 code)
    list(JOIN code "\n" code)
    message(FATAL_ERROR "${count} functions or tables that nobody uses (a coroutine that is no "
                        "template? a virtual function that is not inline in its class?):\n${code}")
endif()
