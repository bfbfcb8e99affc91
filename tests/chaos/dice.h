// Dice: what a seed decides.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

namespace schedctl::chaos {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }
  int between(int least, int most) { return std::uniform_int_distribution<>(least, most)(engine_); }
  template <typename List>
  auto& pick(List& list) {
    return list[static_cast<std::size_t>(between(0, static_cast<int>(list.size()) - 1))];
  }
  // An index, each as likely as its weight says.
  template <typename Weights>
  std::size_t weighted(const Weights& weights) {
    return std::discrete_distribution<std::size_t>(weights.begin(), weights.end())(engine_);
  }
  // Mostly short, at times long, at most four times the usual.
  std::chrono::milliseconds pause(std::chrono::milliseconds usual) {
    const auto mean = static_cast<double>(usual.count());
    const double drawn = std::exponential_distribution<>(1 / mean)(engine_);
    return std::chrono::milliseconds(std::lround(std::min(drawn, 4 * mean)));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace schedctl::chaos
