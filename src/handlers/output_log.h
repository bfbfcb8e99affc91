// OutputLog: what a command prints, line by line, within a limit. The first half of the limit is
// passed on as it comes; of the rest the last half of the limit is kept and passed on at the end,
// after a mark of what was cut.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "handlers/handler.h"

namespace schedctl::handlers {

class OutputLog {
 public:
  using Sink = std::function<void(Stream, std::string_view line)>;

  // A longer line is passed on in pieces.
  static constexpr std::size_t max_line = 8 * 1024;
  // Of a stream's last line no more is kept.
  static constexpr std::size_t max_last_line = 64 * 1024;

  // The limit is shared by stdout and stderr. Memory stays below about twice the limit, whatever is
  // written.
  OutputLog(std::int64_t limit_bytes, Sink sink);

  void write(Stream stream, std::string_view bytes);
  // Passes on what is left. To be called once, at the end.
  void finish();

  // The last line that holds more than spaces, without spaces around it; `whole` is false when only
  // its beginning was kept. Of a stream's output so far; an unfinished line counts.
  struct LastLine {
    std::string text;
    bool whole = true;
  };
  LastLine last_line(Stream stream) const;

 private:
  struct Lines {
    std::string unfinished;  // in the sink's sight: not yet passed on
    LastLine last, current;  // in last_line's sight
  };
  struct Piece {
    Stream stream;
    std::size_t size;
  };

  Lines& lines_of(Stream stream) { return lines_[stream == Stream::err ? 1 : 0]; }
  void pass_on(Stream stream, std::string_view bytes);
  void pass_on_unfinished();
  void keep_for_the_end(Stream stream, std::string_view bytes);
  void store(std::string_view bytes);
  void drop_oldest(std::size_t bytes);
  static void follow_last_line(Lines& lines, std::string_view bytes);
  static void extend_current(Lines& lines, std::string_view bytes);

  Sink sink_;
  std::size_t head_left_, tail_limit_;
  std::array<Lines, 2> lines_;
  std::string ring_;          // of the tail: grows to the limit, then turns
  std::size_t ring_end_ = 0;  // where the next byte goes, once it has the size of the limit
  std::deque<Piece> pieces_;  // what the ring holds, oldest first
  std::size_t kept_ = 0;      // bytes in the ring
  std::uint64_t total_ = 0, cut_ = 0;
};

// The longest beginning of `text` of at most `limit` bytes that ends between two characters of
// UTF-8.
std::size_t character_boundary(std::string_view text, std::size_t limit);

}  // namespace schedctl::handlers
