# Builds PROGRAM/*.cpp with one compiler command and runs it. Headers come from INCLUDE (-I), from
# PKG_CONFIG_PATH, or from the single header that BUILD makes.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${OUTPUT})
file(MAKE_DIRECTORY ${OUTPUT})
separate_arguments(flags UNIX_COMMAND "${FLAGS}")

if(PKG_CONFIG_PATH)
    set(ENV{PKG_CONFIG_PATH} ${PKG_CONFIG_PATH})
    execute_process(COMMAND pkg-config --cflags --libs weft OUTPUT_VARIABLE headers
                    COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(headers UNIX_COMMAND "${headers}")
elseif(BUILD)
    # Alone in a folder, where no other header of weft can help.
    execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target single_header
                    COMMAND_ERROR_IS_FATAL ANY)
    file(COPY ${BUILD}/single_header/weft.hpp DESTINATION ${OUTPUT}/include/weft)
    set(headers -I ${OUTPUT}/include)
else()
    set(headers -I ${INCLUDE})
endif()

file(GLOB sources ${PROGRAM}/*.cpp)
execute_process(COMMAND ${COMPILER} -std=c++${STANDARD} ${headers} ${sources} ${flags}
                        -o ${OUTPUT}/consumer COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${OUTPUT}/consumer COMMAND_ERROR_IS_FATAL ANY)
