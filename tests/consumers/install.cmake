# Installs into an empty prefix:  cmake -D PREFIX=dir -D BUILD=dir -P install.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}
                COMMAND_ERROR_IS_FATAL ANY)
foreach(file IN ITEMS include/weft/weft.hpp share/pkgconfig/weft.pc
                      share/cmake/weft/weft-config.cmake share/cmake/weft/weft-config-version.cmake)
    if(NOT EXISTS ${PREFIX}/${file})
        message(SEND_ERROR "not installed: ${file}")
    endif()
endforeach()
file(GLOB files RELATIVE ${PREFIX} ${PREFIX}/* ${PREFIX}/share/*)
list(SORT files)
if(NOT files STREQUAL "include;share;share/cmake;share/pkgconfig")
    message(SEND_ERROR "installed more than that: ${files}")
endif()
