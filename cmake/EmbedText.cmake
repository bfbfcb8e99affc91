# embed_texts(OUT NAME FILES...): generates text/NAME.cpp with the table schedctl::text::NAME that holds the files under
# their names without the last extension. Declared in util/embedded_text.h. Regenerated when a file changes.
function(embed_texts out name)
  set(source ${CMAKE_BINARY_DIR}/generated/text/${name}.cpp)
  add_custom_command(OUTPUT ${source} DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/WriteTextSource.cmake
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DSOURCE=${source} "-DFILES=${ARGN}"
            -P ${CMAKE_SOURCE_DIR}/cmake/WriteTextSource.cmake VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
