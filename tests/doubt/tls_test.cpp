// Who the server is, and who may listen: TLS beyond loopback, in a network of its own.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "doubt/remote.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

void openssl(const std::string& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  ProcessOptions options;
  options.cwd = folder;
  const auto end = run(arguments, options);
  REQUIRE_MESSAGE(end.exit_code == 0, end.err);
}

// An authority, and the certificates of servers, made in a folder.
class Authority {
 public:
  Authority() {
    folder_.write("ca.cnf",
                  "[ca]\ndefault_ca = here\n[here]\ndatabase = index.txt\nserial = serial\n"
                  "new_certs_dir = .\ncertificate = ca.crt\nprivate_key = ca.key\n"
                  "default_md = sha256\npolicy = any\ncopy_extensions = copy\nunique_subject = no\n"
                  "[any]\ncommonName = supplied\n");
    folder_.write("index.txt", "");
    folder_.write("serial", "01\n");
    self_sign("ca", "an authority");
  }
  std::string file(const std::string& name) const { return folder_ / name; }
  void self_sign(const std::string& file, const std::string& name) const {
    openssl(folder_.path(), {"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                             "/CN=" + name, "-keyout", file + ".key", "-out", file + ".crt"});
    hand_over(file);
  }
  void sign(const std::string& file, const std::string& name, const std::string& until) const {
    openssl(folder_.path(), {"req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name,
                             "-keyout", file + ".key", "-out", file + ".csr"});
    openssl(folder_.path(),
            {"ca", "-batch", "-notext", "-config", "ca.cnf", "-in", file + ".csr", "-out",
             file + ".crt", "-startdate", "20200101000000Z", "-enddate", until});
    hand_over(file);
  }

 private:
  void hand_over(const std::string& name) const {
    for (const auto* end : {".key", ".crt"}) {
      const auto path = folder_ / (name + end);
      REQUIRE(chown(path.c_str(), postgres_user(), postgres_user()) == 0);
      std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    }
  }

  TempDir folder_;
};

void present(const Server& server, const Authority& authority, const std::string& name) {
  const auto now = authority.file(name + ".crt");
  server.query("alter system set ssl_cert_file = '" + now + "'");
  server.query("alter system set ssl_key_file = '" + authority.file(name + ".key") + "'");
  server.query("select pg_reload_conf()");
  wait_until([&] { return server.value("show ssl_cert_file") == now; }, "the certificate");
}

}  // namespace

TEST_SUITE("doubt::tls [db]") {
  TEST_CASE("a server that does not prove who it is gets nothing, unless that is asked for" *
            doctest::skip(!may_make_networks())) {
    const Authority authority;
    authority.self_sign("self", "db.example");
    authority.sign("good", "db.example", "20490101000000Z");
    authority.sign("stranger", "other.example", "20490101000000Z");
    authority.sign("expired", "db.example", "20200201000000Z");
    Remote remote;
    const auto& server = remote.island.server;
    remote.url = fmt::format(
        "host=db.example hostaddr=10.77.0.2 port={} user=owner password={} "
        "dbname=postgres sslrootcert={}",
        server.port(), Server::right_password, authority.file("ca.crt"));
    const auto with = [&](const std::string& mode) {
      auto all = remote.url;
      std::swap(remote.url, all);
      remote.url += " sslmode=" + mode;
      auto end = remote.start_a({"test"}).wait();
      remote.url = all;
      return end;
    };

    check_refused(remote.start_a({"process"}).wait(), 77, "server does not support SSL");
    CHECK(with("disable").out.find("WARN  tls            db.example:") != std::string::npos);

    server.query("alter system set ssl = on");
    present(server, authority, "self");
    check_refused(remote.start_a({"process"}).wait(), 77, "certificate verify failed");
    const auto lax = with("require");
    CHECK(lax.exit_code == 1);  // libpq verifies it all the same when there is a root certificate
    present(server, authority, "stranger");
    check_refused(remote.start_a({"process"}).wait(), 77, "does not match host name");
    const auto anybody = with("verify-ca");
    CHECK(anybody.exit_code == 0);
    CHECK(anybody.out.find("an impostor") != std::string::npos);
    present(server, authority, "expired");
    check_refused(remote.start_a({"process"}).wait(), 77, "certificate verify failed");
    present(server, authority, "good");
    CHECK(remote.start_a({"process"}).wait().exit_code == 0);
    CHECK(remote.start_a({"test"}).wait().out.find("PASS  tls") != std::string::npos);
  }
}
