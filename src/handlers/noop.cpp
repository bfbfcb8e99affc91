#include "handlers/noop.h"

namespace schedctl::handlers {
namespace {

class Noop : public Handler {
 public:
  job::Outcome run(const job::Claim&, Context&) const override { return {}; }
  bool in_process() const override { return true; }
};

}  // namespace

std::unique_ptr<Handler> make_noop() { return std::make_unique<Noop>(); }

}  // namespace schedctl::handlers
