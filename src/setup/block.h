// Block: the lines of a text that setup-cron manages, between two marks. All other lines of the
// text belong to somebody else and stay as they are, byte for byte.
#pragma once

#include <string>
#include <string_view>

namespace schedctl::setup {

// With the block of this id where it was, else at the end; a last line without its end gets one.
// `body` is whole lines. `place` names the text in messages ("crontab of root"). Throws DataError
// with the line when the block was edited by hand, is there twice, or misses a mark.
std::string with_block(const std::string& text, const std::string& id, const std::string& body,
                       const std::string& place);

// Without the block; the text itself when there is none. Throws as above.
std::string without_block(const std::string& text, const std::string& id, const std::string& place);

// The lines before and after the block; all of them are before it when there is none. Throws as
// above.
struct Around {
  std::string before;
  std::string after;
};
Around around_block(const std::string& text, const std::string& id, const std::string& place);

}  // namespace schedctl::setup
