#include "tools/performance_check/smtp_client.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace milter::tools::performance_check {

namespace {

std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char one) { return static_cast<char>(std::toupper(one)); });
    return out;
}

// RFC 3461 4: what may not stand as it is becomes "+XX".
std::string xtext(std::string_view text) {
    std::string out;
    for (char const one : text) {
        auto const byte = static_cast<unsigned char>(one);
        if (byte > 0x20 && byte < 0x7f && one != '+' && one != '=')
            out += one;
        else
            out += fmt::format("+{:02X}", byte);
    }
    return out;
}

std::string unbase64(std::string_view text) {
    std::string out(3 * ((text.size() + 3) / 4), '\0');
    auto const length =
        ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<unsigned char const*>(text.data()), static_cast<int>(text.size()));
    out.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    for (auto padding = text.size(); padding > 0 && text[padding - 1] == '=' && !out.empty(); --padding)
        out.pop_back();
    return out;
}

} // namespace

std::string base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    auto const length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                          reinterpret_cast<unsigned char const*>(bytes.data()),
                                          static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

std::string cram_md5_answer(credentials const& who, std::string_view challenge) {
    auto const asked = unbase64(challenge);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    ::HMAC(::EVP_md5(), who.password.data(), static_cast<int>(who.password.size()),
           reinterpret_cast<unsigned char const*>(asked.data()), asked.size(), digest.data(), &size);
    std::string text = who.user + " ";
    for (unsigned at = 0; at < size; ++at)
        text += fmt::format("{:02x}", digest[at]);
    return base64(text);
}

smtp_client::smtp_client(manners const& with, envelope const& of) : with_(with), of_(of) {}

next_step smtp_client::hear(smtp_reply const& said) {
    switch (step_) {
    case step::greeting:
        if (said.kind() != 2) return refused(said);
        return go(step::ehlo, "EHLO " + of_.helo);
    case step::ehlo:
        if (said.kind() == 5) return go(step::helo, "HELO " + of_.helo);
        [[fallthrough]];
    case step::helo:
        if (said.kind() != 2) return refused(said);
        offers_ = step_ == step::ehlo ? said.lines : std::vector<std::string>{};
        return after_hello();
    case step::tls:
        if (said.kind() != 2) return fail("STARTTLS was refused: " + said.text());
        return start_tls{};
    case step::xclient:
        if (said.kind() != 2) return fail("XCLIENT was refused: " + said.text());
        return go(step::ehlo, "EHLO " + of_.helo);
    case step::auth:
        return heard_auth(said);
    case step::mail:
    case step::rcpt:
        if (said.kind() != 2) return refused(said);
        if (next_recipient_ == of_.recipients.size()) return go(step::data, "DATA");
        return go(step::rcpt, fmt::format("RCPT TO:<{}>", of_.recipients[next_recipient_++]));
    case step::data:
        if (said.kind() != 3) return refused(said);
        step_ = step::content;
        return send_content{};
    case step::content:
        if (said.kind() != 2) return refused(said);
        outcome_ = {result::sent, ""};
        return quit();
    case step::quit:
        break;
    }
    return close_line{};
}

next_step smtp_client::encrypted() {
    encrypted_ = true;
    return go(step::ehlo, "EHLO " + of_.helo);
}

next_step smtp_client::go(step to, std::string line) {
    step_ = to;
    return say{std::move(line) + "\r\n"};
}

next_step smtp_client::after_hello() {
    if (!encrypted_ && with_.encrypt != starttls::disable) {
        if (offers("STARTTLS")) return go(step::tls, "STARTTLS");
        if (with_.encrypt == starttls::always) return fail("the server does not offer STARTTLS");
    }
    if ((with_.client_name || with_.client_address) && !introduced_) {
        introduced_ = true;
        if (!offers("XCLIENT")) return fail("the server does not offer XCLIENT to us");
        std::string line = "XCLIENT";
        if (with_.client_name) line += " NAME=" + xtext(*with_.client_name);
        if (with_.client_address) {
            bool const six = with_.client_address->find(':') != std::string::npos;
            line += fmt::format(" ADDR={}{}", six ? "IPV6:" : "", xtext(*with_.client_address));
        }
        return go(step::xclient, std::move(line));
    }
    if (with_.login && !logged_in_) return authenticate();
    return begin_mail();
}

next_step smtp_client::authenticate() {
    struct known {
        mechanism what;
        std::string_view name;
    };
    constexpr known all[] = {
        {mechanism::cram_md5, "CRAM-MD5"}, {mechanism::plain, "PLAIN"}, {mechanism::login, "LOGIN"}};
    auto const& who = *with_.login;
    for (auto const& one : all) {
        if (with_.how != one.what && with_.how != mechanism::automatic) continue;
        if (!offers_mechanism(one.name)) continue;
        chosen_ = one.what;
        if (one.what == mechanism::plain)
            return go(step::auth,
                      "AUTH PLAIN " + base64(std::string("\0", 1) + who.user + '\0' + who.password));
        if (one.what == mechanism::login) credentials_left_ = {base64(who.user), base64(who.password)};
        return go(step::auth, fmt::format("AUTH {}", one.name));
    }
    return fail("the server offers no mechanism of AUTH that may be used");
}

next_step smtp_client::heard_auth(smtp_reply const& said) {
    if (said.kind() == 2) {
        logged_in_ = true;
        return begin_mail();
    }
    if (said.kind() != 3) return refused(said);
    if (chosen_ == mechanism::cram_md5)
        return go(step::auth, cram_md5_answer(*with_.login, said.lines.front()));
    if (credentials_left_.empty()) return fail("the server asks for more than user and password");
    auto answer = std::move(credentials_left_.front());
    credentials_left_.pop_front();
    return go(step::auth, std::move(answer));
}

next_step smtp_client::begin_mail() {
    return go(step::mail, fmt::format("MAIL FROM:<{}>", of_.sender));
}

next_step smtp_client::refused(smtp_reply const& said) {
    auto const what = said.kind() == 4   ? result::temporary_failure
                      : said.kind() == 5 ? result::reject
                                         : result::error;
    outcome_ = {what, said.text()};
    return quit();
}

next_step smtp_client::fail(std::string why) {
    outcome_ = {result::error, std::move(why)};
    return quit();
}

next_step smtp_client::quit() {
    return go(step::quit, "QUIT");
}

bool smtp_client::offers(std::string_view keyword) const {
    return std::ranges::any_of(offers_, [&](std::string const& line) {
        auto const text = upper(line);
        return text == keyword || text.starts_with(std::string(keyword) + " ");
    });
}

bool smtp_client::offers_mechanism(std::string_view name) const {
    return std::ranges::any_of(offers_, [&](std::string const& line) {
        auto text = upper(line) + " ";
        std::ranges::replace(text, '=', ' '); // "AUTH=PLAIN" of old servers
        return text.starts_with("AUTH ") && text.find(fmt::format(" {} ", name)) != std::string::npos;
    });
}

} // namespace milter::tools::performance_check
