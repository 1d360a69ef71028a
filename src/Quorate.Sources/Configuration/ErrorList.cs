namespace Quorate.Sources.Configuration;

/// <summary>Collects what is wrong, so that one run shows everything and not only the first error.</summary>
sealed class ErrorList(string file)
{
    /// <summary>Beyond this many errors more of them help nobody.</summary>
    const int Limit = 100;

    readonly List<ConfigurationError> _errors = [];

    public bool IsEmpty => _errors.Count == 0;

    public void Add(YamlNode node, string message) => Add(node.Place, node.Path, message);

    public void Add(Place place, string path, string message)
    {
        var error = new ConfigurationError(file, place.Line, place.Column, path, message);
        if (_errors.Count < Limit && !_errors.Contains(error))
        {
            _errors.Add(error);
        }
    }

    public ConfigurationException ToException() => new(_errors.OrderBy(e => e.Line).ThenBy(e => e.Column));
}
