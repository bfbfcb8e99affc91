#include "handlers/output_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace schedctl::handlers {
namespace {

constexpr std::string_view spaces = " \t\r\n\v\f";

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// string_view::rfind goes byte by byte.
std::size_t last_newline(std::string_view text) {
  const void* found = ::memrchr(text.data(), '\n', text.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - text.data())
               : std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(spaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

}  // namespace

std::size_t character_boundary(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text.size();
  auto end = limit;
  // A character has at most four bytes; what is longer is no UTF-8 and is cut where it stands.
  while (end > 0 && limit - end < 4 && continues_character(text[end])) --end;
  return end == 0 || continues_character(text[end]) ? limit : end;
}

OutputLog::OutputLog(std::int64_t limit_bytes, Sink sink)
    : sink_(std::move(sink)),
      head_left_(static_cast<std::size_t>(std::max<std::int64_t>(limit_bytes, 2)) / 2),
      tail_limit_(head_left_) {}

void OutputLog::write(Stream stream, std::string_view bytes) {
  total_ += bytes.size();
  follow_last_line(lines_of(stream), bytes);
  const auto head = std::min(head_left_, bytes.size());
  if (head > 0) {
    head_left_ -= head;
    pass_on(stream, bytes.substr(0, head));
    bytes.remove_prefix(head);
  }
  if (!bytes.empty()) keep_for_the_end(stream, bytes);
}

void OutputLog::pass_on(Stream stream, std::string_view bytes) {
  auto& unfinished = lines_of(stream).unfinished;
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    const bool ends = newline != std::string_view::npos;
    auto line = bytes.substr(0, newline);
    bytes.remove_prefix(ends ? newline + 1 : bytes.size());
    if (!ends || !unfinished.empty()) {
      unfinished.append(line);
      line = unfinished;
    }
    while (line.size() > max_line) {
      const auto piece = character_boundary(line, max_line);
      sink_(stream, line.substr(0, piece));
      line.remove_prefix(piece);
    }
    if (ends) {
      sink_(stream, line);
      unfinished.clear();
    } else {
      unfinished.erase(0, unfinished.size() - line.size());
    }
  }
}

void OutputLog::pass_on_unfinished() {
  for (const auto stream : {Stream::out, Stream::err}) {
    auto& unfinished = lines_of(stream).unfinished;
    if (!unfinished.empty()) sink_(stream, unfinished);
    unfinished.clear();
  }
}

void OutputLog::keep_for_the_end(Stream stream, std::string_view bytes) {
  if (bytes.size() > tail_limit_) {
    cut_ += bytes.size() - tail_limit_;
    bytes.remove_prefix(bytes.size() - tail_limit_);
  }
  if (kept_ + bytes.size() > tail_limit_) drop_oldest(kept_ + bytes.size() - tail_limit_);
  store(bytes);
  if (!pieces_.empty() && pieces_.back().stream == stream)
    pieces_.back().size += bytes.size();
  else
    pieces_.push_back({stream, bytes.size()});
}

void OutputLog::store(std::string_view bytes) {
  kept_ += bytes.size();
  const auto grown = std::min(bytes.size(), tail_limit_ - ring_.size());
  ring_.append(bytes.substr(0, grown));
  bytes.remove_prefix(grown);
  while (!bytes.empty()) {
    const auto part = std::min(bytes.size(), tail_limit_ - ring_end_);
    std::copy_n(bytes.data(), part, ring_.data() + ring_end_);
    ring_end_ = (ring_end_ + part) % tail_limit_;
    bytes.remove_prefix(part);
  }
}

void OutputLog::drop_oldest(std::size_t bytes) {
  cut_ += bytes;
  kept_ -= bytes;
  while (bytes > 0) {
    const auto part = std::min(bytes, pieces_.front().size);
    pieces_.front().size -= part;
    if (pieces_.front().size == 0) pieces_.pop_front();
    bytes -= part;
  }
}

void OutputLog::finish() {
  if (cut_ > 0) {
    pass_on_unfinished();
    sink_(Stream::schedctl, fmt::format("… {} bytes of {} cut …", cut_, total_));
  }
  // The oldest byte is where the next one would go: a ring that has never been full has not turned.
  std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(ring_end_), ring_.end());
  std::string_view rest = ring_;
  // The cut may have gone through a character.
  std::size_t broken = 0;
  while (cut_ > 0 && broken < 3 && broken < rest.size() && continues_character(rest[broken]))
    ++broken;
  for (const auto& piece : pieces_) {
    const auto skip = std::min(broken, piece.size);
    broken -= skip;
    pass_on(piece.stream, rest.substr(skip, piece.size - skip));
    rest.remove_prefix(piece.size);
  }
  pass_on_unfinished();
}

void OutputLog::follow_last_line(Lines& lines, std::string_view bytes) {
  const auto newline = last_newline(bytes);
  if (newline == std::string_view::npos) return extend_current(lines, bytes);
  // Backwards to the last finished line that holds something, which may begin before these bytes.
  auto finished = bytes.substr(0, newline);
  for (;;) {
    const auto before = last_newline(finished);
    if (before == std::string_view::npos) {
      extend_current(lines, finished);
      if (!trimmed(lines.current.text).empty()) lines.last = std::move(lines.current);
      break;
    }
    const auto line = trimmed(finished.substr(before + 1));
    if (!line.empty()) {
      lines.last = {std::string(line.substr(0, max_last_line)), line.size() <= max_last_line};
      break;
    }
    finished = finished.substr(0, before);
  }
  lines.current = {};
  extend_current(lines, bytes.substr(newline + 1));
}

void OutputLog::extend_current(Lines& lines, std::string_view bytes) {
  auto& [text, whole] = lines.current;
  const auto room = max_last_line - text.size();
  text.append(bytes.substr(0, room));
  if (bytes.size() > room) whole = false;
}

OutputLog::LastLine OutputLog::last_line(Stream stream) const {
  const auto& lines = lines_[stream == Stream::err ? 1 : 0];
  const auto& line = trimmed(lines.current.text).empty() ? lines.last : lines.current;
  return {std::string(trimmed(line.text)), line.whole};
}

}  // namespace schedctl::handlers
