// Mutator: texts that are almost right, made by damaging some that are. The same seed gives the
// same texts.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/setting.h"

namespace schedctl::test {

// How many texts each parser is fed: some for every run of the tests, as many as you like with
// SCHEDCTL_FUZZ_INPUTS; SCHEDCTL_FUZZ_SEED makes them others.
inline std::uint64_t fuzz_inputs(std::uint64_t otherwise) {
  return setting("SCHEDCTL_FUZZ_INPUTS", otherwise);
}

class Mutator {
 public:
  // Characters of `alphabet` are inserted more often than others.
  Mutator(std::vector<std::string> seeds, std::string_view alphabet)
      : seeds_(std::move(seeds)),
        alphabet_(alphabet),
        random_(static_cast<std::mt19937::result_type>(setting("SCHEDCTL_FUZZ_SEED", 1))) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }
  const std::string& pick(const std::vector<std::string>& texts) {
    return texts[below(texts.size())];
  }

  // A seed, damaged at up to `most` places and at least one.
  std::string damaged(std::size_t most) {
    auto text = pick(seeds_);
    for (auto edits = below(most) + 1; edits > 0; --edits) edit(text);
    return text;
  }

  void edit(std::string& text) {
    const auto at = below(text.size() + 1);
    const auto length = below(8);
    switch (below(6)) {
      case 0:
        text.insert(at, 1, character());
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.replace(at, 1, 1, character());
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), length));
        break;
      case 4:
        text.insert(at, piece_of_seed(length));
        break;
      default:
        text.insert(at, below(200) == 0 ? 1500 : length, character());
    }
  }

 private:
  char character() {
    return below(8) == 0 ? static_cast<char>(below(256)) : alphabet_[below(alphabet_.size())];
  }

  std::string piece_of_seed(std::size_t length) {
    const auto& seed = pick(seeds_);
    return seed.substr(below(seed.size() + 1), length);
  }

  std::vector<std::string> seeds_;
  std::string_view alphabet_;
  std::mt19937 random_;
};

// What people and log files are to see: one line, not too long, without controls.
inline bool is_one_short_line(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) return false;
  for (const char c : text)
    if ((c >= 0 && c < ' ' && c != '\t') || c == '\x7F') return false;
  return true;
}

}  // namespace schedctl::test
