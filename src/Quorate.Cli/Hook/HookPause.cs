using System.Globalization;
using System.Text;
using Quorate.Sources.Spool;

namespace Quorate.Cli.Hook;

/// <summary>
/// Who let a hook wait too long is not asked by the hooks of the next half minute: Nix waits for every hook, so each attempt would delay a build.
/// </summary>
sealed class HookPause(HookSpool? spool, string whom, TimeProvider clock)
{
    static readonly TimeSpan s_pause = TimeSpan.FromSeconds(30);

    readonly string _note = $"{whom}-pause-until";

    /// <summary>A time further ahead than any pause comes from a clock that was set back, and means nothing.</summary>
    public bool IsOn()
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return spool?.ReadNote(_note) is { } note
            && long.TryParse(Encoding.ASCII.GetString(note), NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            && until > now
            && until - now <= s_pause.TotalMilliseconds;
    }

    public void Begin() =>
        spool?.TryWriteNote(
            _note,
            Encoding.ASCII.GetBytes((clock.GetUtcNow() + s_pause).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture))
        );
}
