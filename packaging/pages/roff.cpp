#include "roff.h"

#include <cctype>

namespace schedctl::pages {
namespace {

// The length of a reference "cron(8)" at the beginning of the text; 0: there is none.
std::size_t reference_length(std::string_view text) {
  std::size_t name = 0;
  while (name < text.size() && (std::isalnum(static_cast<unsigned char>(text[name])) ||
                                text[name] == '-' || text[name] == '.' || text[name] == '_'))
    ++name;
  const bool is_reference = name > 0 && name + 2 < text.size() && text[name] == '(' &&
                            text[name + 1] >= '1' && text[name + 1] <= '8' && text[name + 2] == ')';
  return is_reference ? name : 0;
}

// What stands between a mark and the next; npos: it is no mark.
std::size_t end_of_mark(std::string_view text, std::size_t begin) {
  const char mark = text[begin];
  if (begin + 1 >= text.size() || text[begin + 1] == mark || text[begin + 1] == ' ')
    return std::string_view::npos;
  for (auto end = text.find(mark, begin + 1); end != std::string_view::npos;
       end = text.find(mark, end + 1))
    if (mark == '`' || text[end - 1] != '\\') return end;
  return std::string_view::npos;
}

std::string without_backslashes(std::string_view text) {
  std::string plain;
  for (const char c : text)
    if (c != '\\') plain += c;
  return plain;
}

// A line of text must not look like a request.
std::string as_text_line(std::string line) {
  if (!line.empty() && (line[0] == '.' || line[0] == '\'')) line.insert(0, "\\&");
  return line + '\n';
}

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

}  // namespace

std::string typed(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '`':
        out += "\\(ga";
        break;
      default:
        out += c;
    }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + typed(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + typed(text) + "\\fR"; }

std::string prose(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size();) {
    const char c = line[i];
    if (c == '`' || c == '*') {
      if (const auto end = end_of_mark(line, i); end != std::string_view::npos) {
        const auto marked = line.substr(i + 1, end - i - 1);
        out += c == '`' ? bold(marked) : italic(without_backslashes(marked));
        i = end + 1;
        continue;
      }
    }
    const bool begins_word = i == 0 || !std::isalnum(static_cast<unsigned char>(line[i - 1]));
    if (const auto length = begins_word ? reference_length(line.substr(i)) : 0; length > 0) {
      out += bold(line.substr(i, length));
      i += length;
      continue;
    }
    if (c == '\\' && i + 1 < line.size() && line[i + 1] == '*') {
      ++i;
      continue;
    }
    out += c == '\\' ? std::string("\\e") : std::string(1, c);
    ++i;
  }
  return out;
}

std::string body(std::string_view text) {
  constexpr std::string_view code = "    ", item = "= ";
  constexpr std::string_view code_begin = ".PP\n.RS 4\n.EX\n", code_end = ".EE\n.RE\n";
  std::string out;
  bool gap = false, in_code = false;
  while (!text.empty()) {
    const auto line = take_line(text);
    const bool is_code = line.starts_with(code);
    if (in_code && !is_code) out += code_end;
    if (line.empty()) {
      gap = true;
    } else if (is_code) {
      if (!in_code) out += code_begin;
      out += as_text_line(typed(line.substr(code.size())));
    } else if (line.starts_with(item)) {
      out += ".TP\n" + as_text_line(prose(line.substr(item.size())));
    } else {
      if (gap && !out.empty()) out += ".PP\n";
      out += as_text_line(prose(line));
    }
    in_code = is_code;
    if (!line.empty()) gap = false;
  }
  return in_code ? out + std::string(code_end) : out;
}

}  // namespace schedctl::pages
