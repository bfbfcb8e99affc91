# embed_sql(OUT): for each folder below src/ that holds .sql files, generates sql/<folder>.h with one
# db::Statement per file and `all` of them, and sql/migrations.h with the numbered migrations in order. Comment lines are
# left out of what travels to the server. Regenerated when a file changes or a new one appears.
function(embed_sql out)
  file(GLOB folders RELATIVE ${CMAKE_SOURCE_DIR}/src CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*)
  set(headers)
  foreach(folder ${folders})
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.sql)
    if(files)
      list(SORT files)
      set(header ${CMAKE_BINARY_DIR}/generated/sql/${folder}.h)
      add_custom_command(OUTPUT ${header} DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/WriteSqlHeader.cmake
        COMMAND ${CMAKE_COMMAND} -DKIND=statements -DFOLDER=${folder} -DHEADER=${header} "-DFILES=${files}"
                -P ${CMAKE_SOURCE_DIR}/cmake/WriteSqlHeader.cmake VERBATIM)
      list(APPEND headers ${header})
    endif()
  endforeach()
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/db/migrations/*.sql)
  list(SORT files)
  set(header ${CMAKE_BINARY_DIR}/generated/sql/migrations.h)
  add_custom_command(OUTPUT ${header} DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/WriteSqlHeader.cmake
    COMMAND ${CMAKE_COMMAND} -DKIND=migrations -DHEADER=${header} "-DFILES=${files}"
            -P ${CMAKE_SOURCE_DIR}/cmake/WriteSqlHeader.cmake VERBATIM)
  set(${out} ${headers} ${header} PARENT_SCOPE)
endfunction()
