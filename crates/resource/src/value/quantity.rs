// SPDX-License-Identifier: Apache-2.0
//! Kubernetes quantities such as `64Ki`, `1G`, `1500m`, `1e3`.
//!
//! In: text. Out: a whole number.

/// Parses a quantity and rounds it up to a whole number, as Kubernetes' `Value()` does: away from
/// zero. Nothing for text that is no quantity or that does not fit.
pub fn parse_quantity(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let length = unsigned
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let (number, suffix) = unsigned.split_at(length);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    // 30 digits are more than any quantity has, and keep the arithmetic inside 128 bits.
    if whole.len() + fraction.len() > 30 {
        return None;
    }
    let digits: u128 = format!("0{whole}{fraction}").parse().ok()?;
    let (base, exponent) = scale(suffix)?;
    let value = scaled(digits, base, exponent, fraction.len())?;
    let value = i64::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

/// The base and exponent of a suffix.
fn scale(suffix: &str) -> Option<(u128, i32)> {
    let scale = match suffix {
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "" => (10, 0),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (2, 10),
        "Mi" => (2, 20),
        "Gi" => (2, 30),
        "Ti" => (2, 40),
        "Pi" => (2, 50),
        "Ei" => (2, 60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            (10, plain.then(|| exponent.parse().ok())??)
        }
    };
    Some(scale)
}

/// `digits × base^exponent ÷ 10^decimals`, rounded up.
fn scaled(digits: u128, base: u128, exponent: i32, decimals: usize) -> Option<u128> {
    if digits == 0 {
        return Some(0);
    }
    let decimals = i32::try_from(decimals).ok()?;
    if base == 10 {
        let exponent = exponent.checked_sub(decimals)?;
        return if exponent >= 0 {
            digits.checked_mul(10_u128.checked_pow(exponent.unsigned_abs())?)
        } else {
            // A divisor beyond 128 bits leaves a fraction of one, which rounds up to one.
            let divisor = 10_u128.checked_pow(exponent.unsigned_abs());
            Some(divisor.map_or(1, |divisor| digits.div_ceil(divisor)))
        };
    }
    let product = digits.checked_mul(base.checked_pow(exponent.unsigned_abs())?)?;
    Some(product.div_ceil(10_u128.checked_pow(decimals.unsigned_abs())?))
}

#[cfg(test)]
mod tests {
    use super::parse_quantity;

    #[test]
    fn reads_every_form_and_rounds_up() {
        let cases = [
            ("65535", Some(65535)),
            ("64Ki", Some(65536)),
            ("1Mi", Some(1 << 20)),
            ("1G", Some(1_000_000_000)),
            ("1.5Gi", Some(1_610_612_736)),
            ("1500m", Some(2)),
            ("1n", Some(1)),
            ("1e3", Some(1000)),
            ("1E3", Some(1000)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("12e-1", Some(2)),
            ("0.5", Some(1)),
            (".5", Some(1)),
            ("5.", Some(5)),
            ("+7", Some(7)),
            ("-1500m", Some(-2)),
            ("0", Some(0)),
            ("0e999999", Some(0)),
            ("1e-999999", Some(1)),
            ("9Ei", None),
            ("1e999999", None),
            ("1e99999999999", None),
            ("999999999999999999999999999999999", None),
            ("", None),
            ("-", None),
            (".", None),
            ("1.2.3", None),
            ("1KB", None),
            ("1 Ki", None),
            ("ki", None),
            ("1e", None),
            ("1e+", None),
            ("0x10", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_quantity(text), expected, "{text:?}");
        }
    }
}
