# Run by embed_texts: writes one source file. A raw string literal may not pass 64 KiB in every compiler; g++ has no such
# limit.
set(text "#include \"util/embedded_text.h\"\n\nnamespace schedctl::text {\nnamespace {\nconstexpr EmbeddedText files[] = {\n")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME_WLE)
  file(READ ${file} content)
  string(APPEND text "{\"${name}\", R\"text(${content})text\"},\n")
endforeach()
string(APPEND text "};\n}\nconst EmbeddedTexts ${NAME} = files;\n}\n")
file(WRITE ${SOURCE} "${text}")
