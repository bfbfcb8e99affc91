// Digest: a number that stands for texts, the same on every host and in every version. To notice
// changes, not against those who look for collisions.
// Source: Fowler, Noll, Vo, "FNV-1a", 64 bits; finished as in splitmix64.
#pragma once

#include <cstdint>
#include <string_view>

namespace schedctl {

class Digest {
 public:
  // Where one text ends and the next begins counts too.
  Digest& add(std::string_view text) {
    for (const char c : text) step(static_cast<unsigned char>(c));
    for (auto size = text.size(); size > 0; size >>= 8U) step(size & 0xFFU);
    return *this;
  }
  std::uint64_t value() const {
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

 private:
  void step(std::uint64_t byte) { state_ = (state_ ^ byte) * 0x100000001B3U; }
  std::uint64_t state_ = 0xCBF29CE484222325U;
};

}  // namespace schedctl
