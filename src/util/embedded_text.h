// Files that are part of the program: see cmake/EmbedText.cmake.
#pragma once

#include <span>
#include <string_view>

namespace schedctl {

struct EmbeddedText {
  std::string_view name;
  std::string_view text;
};
using EmbeddedTexts = std::span<const EmbeddedText>;

// Empty when there is none of this name.
inline std::string_view find_text(EmbeddedTexts texts, std::string_view name) {
  for (const auto& candidate : texts)
    if (candidate.name == name) return candidate.text;
  return {};
}

namespace text {
extern const EmbeddedTexts pages;  // packaging/man: "schedctl-process"
extern const EmbeddedTexts units;  // packaging/systemd: "schedctl.service"
}  // namespace text

}  // namespace schedctl
