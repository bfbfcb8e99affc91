#include "setup/block.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::setup {
namespace {

struct Place {
  std::size_t begin = 0;  // of the first mark
  std::size_t body = 0;
  std::size_t body_end = 0;
  std::size_t end = 0;  // behind the second mark
};

std::string checksum(std::string_view body) { return fmt::format("{:08x}", fnv1a(body) >> 32); }

std::string begin_mark(const std::string& id) { return "# BEGIN schedctl " + id; }
std::string end_mark(const std::string& id) { return "# END schedctl " + id; }

std::string render(const std::string& id, const std::string& body) {
  return fmt::format("{} sum {} (made by \"schedctl setup-cron\": change it with that)\n{}{}\n",
                     begin_mark(id), checksum(body), body, end_mark(id));
}

// The line is this mark and nothing else, or goes on with a word of its own.
bool is_mark(std::string_view line, std::string_view mark) {
  if (!line.starts_with(mark)) return false;
  return line.size() == mark.size() || line[mark.size()] == ' ' || line[mark.size()] == '\t' ||
         line[mark.size()] == '\r';
}

[[noreturn]] void refuse(const std::string& place, int line, const std::string& why) {
  throw DataError(fmt::format("{}:{}: {}", escape_control(place), line, why));
}

std::optional<Place> find(const std::string& text, const std::string& id,
                          const std::string& place) {
  std::optional<Place> open, found;
  int number = 0, open_line = 0;
  for (std::size_t at = 0; at < text.size();) {
    ++number;
    const auto newline = text.find('\n', at);
    const auto next = newline == std::string::npos ? text.size() : newline + 1;
    const auto line = std::string_view(text).substr(at, newline - at);
    if (is_mark(line, begin_mark(id))) {
      if (open) refuse(place, number, "begins a second block of schedctl: remove one by hand");
      if (found) refuse(place, number, "holds the block of schedctl twice: remove one by hand");
      open = Place{at, next, next, next};
      open_line = number;
    } else if (is_mark(line, end_mark(id))) {
      if (!open)
        refuse(place, number,
               "ends a block of schedctl that does not begin: remove its lines by hand");
      open->body_end = at;
      open->end = next;
      const auto mark = text.substr(open->begin, open->body - open->begin);
      const auto body = std::string_view(text).substr(open->body, at - open->body);
      if (mark.find(" sum " + checksum(body) + " ") == std::string::npos)
        refuse(place, open_line,
               fmt::format("the block of schedctl, up to line {}, was edited by hand: move your "
                           "lines out of it and delete the rest, then run this again",
                           number));
      found = std::exchange(open, std::nullopt);
    }
    at = next;
  }
  if (open)
    refuse(place, open_line,
           fmt::format("begins a block of schedctl that does not end: no line \"{}\"; remove its "
                       "lines by hand",
                       end_mark(id)));
  return found;
}

}  // namespace

std::string with_block(const std::string& text, const std::string& id, const std::string& body,
                       const std::string& place) {
  const auto [before, after] = around_block(text, id, place);
  const bool cut = !before.empty() && before.back() != '\n';
  return before + (cut ? "\n" : "") + render(id, body) + after;
}

std::string without_block(const std::string& text, const std::string& id,
                          const std::string& place) {
  const auto [before, after] = around_block(text, id, place);
  return before + after;
}

Around around_block(const std::string& text, const std::string& id, const std::string& place) {
  const auto found = find(text, id, place);
  if (!found) return {text, ""};
  return {text.substr(0, found->begin), text.substr(found->end)};
}

}  // namespace schedctl::setup
